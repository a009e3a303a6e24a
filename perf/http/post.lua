-- The request that wrk sends.
wrk.method = "POST"
wrk.body = "a message of some length, 0123456789 0123456789 0123456789"
wrk.headers["Content-Type"] = "text/plain"
