//! HTTP on the wire, with hyper: no values here.

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::runtime::{Hold, Post};

/// Bodies of requests that a server takes, at most.
const MAX_BODY: usize = 64 << 20;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Names and values in order; names in lower case.
pub type Headers = Vec<(String, String)>;

/// A request or response as both sides see it.
#[derive(Debug)]
pub struct Message {
    /// Of a request.
    pub method: String,
    /// Of a request: path and query for a server, everything for a client.
    pub url: String,
    /// Of a response.
    pub status: u16,
    pub headers: Headers,
    pub body: String,
}

fn headers_of(map: &HeaderMap) -> Headers {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// Adds headers; the first that cannot be sent is an error.
fn put_headers(map: &mut HeaderMap, headers: &Headers) -> Result<(), String> {
    for (name, value) in headers {
        let key = HeaderName::from_bytes(name.as_bytes());
        let content = HeaderValue::from_bytes(value.as_bytes());
        match (key, content) {
            (Ok(key), Ok(content)) => map.append(key, content),
            _ => return Err(format!("invalid header {name:?}")),
        };
    }
    Ok(())
}

/// Whether headers can be sent.
pub fn check_headers(headers: &Headers) -> Result<(), String> {
    put_headers(&mut HeaderMap::new(), headers)
}

fn text_of(bytes: Bytes) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

// ---- client ----------------------------------------------------------------

/// Sends a request; the response, or what went wrong.
pub async fn fetch(message: Message) -> Result<Message, String> {
    let url = message.url.clone();
    exchange(message).await.map_err(|error| format!("{url}: {error}"))
}

async fn exchange(message: Message) -> Result<Message, String> {
    // Characters that a URL writes with percent signs.
    let mut url = String::with_capacity(message.url.len());
    for byte in message.url.split('#').next().unwrap_or_default().bytes() {
        match byte {
            b'!'..=b'~' => url.push(byte as char),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    let uri: Uri = url.parse().map_err(|e| format!("invalid URL: {e}"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err("https is not supported".into()),
        Some(other) => return Err(format!("unknown scheme {other}")),
        None => return Err("the URL has no scheme".into()),
    }
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let authority = match uri.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let target = uri.path_and_query().map_or("/", |p| p.as_str());
    let method = Method::from_bytes(message.method.as_bytes());
    let mut request = Request::new(Full::new(Bytes::from(message.body)));
    *request.method_mut() = method.map_err(|e| e.to_string())?;
    *request.uri_mut() = target.parse().map_err(|e| format!("invalid URL: {e}"))?;
    put_headers(request.headers_mut(), &message.headers)?;
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(&authority).map_err(|e| e.to_string())?;
        request.headers_mut().insert(HOST, host);
    }
    let stream = TcpStream::connect((address, uri.port_u16().unwrap_or(80))).await;
    let stream = stream.map_err(|e| format!("connection failed: {e}"))?;
    // Requests are written at once.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(stream);
    let handshake = hyper::client::conn::http1::handshake(io).await;
    let (mut sender, connection) = handshake.map_err(|e| e.to_string())?;
    let connection = Aborting(tokio::spawn(async move {
        // The request learns of its errors.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|e| format!("broken response: {e}"))?;
    drop(connection);
    Ok(Message {
        method: String::new(),
        url: message.url,
        status: head.status.as_u16(),
        headers: headers_of(&head.headers),
        body: text_of(body.to_bytes()),
    })
}

/// A task that ends with whoever holds this.
struct Aborting(tokio::task::JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// ---- server ----------------------------------------------------------------

/// What a server lets through.
#[derive(Clone, Copy)]
pub struct Limits {
    pub queue: usize,
    pub in_flight: usize,
    pub overload_status: u16,
    pub timeout: Duration,
}

/// What became of requests.
#[derive(Default)]
pub struct Counts {
    /// Requests that are being handled or wait for that.
    pub in_flight: AtomicUsize,
    /// Those that wait.
    pub queued: AtomicUsize,
    pub overloads: AtomicUsize,
    pub timeouts: AtomicUsize,
    pub last_error: Mutex<Option<String>>,
}

impl Counts {
    /// Notes what went wrong.
    pub fn note(&self, error: &str) {
        if let Ok(mut last) = self.last_error.lock() {
            *last = Some(error.to_owned());
        }
    }
}

/// Counts one up while it exists.
pub struct Counted(Arc<Counts>, fn(&Counts) -> &AtomicUsize);

impl Counted {
    fn new(counts: &Arc<Counts>, which: fn(&Counts) -> &AtomicUsize) -> Counted {
        which(counts).fetch_add(1, Ordering::Relaxed);
        Counted(counts.clone(), which)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

/// The answer to a request.
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub content: Content,
    /// The loop goes on until the answer is on its way.
    pub hold: Option<Hold>,
}

/// The body of an answer.
pub enum Content {
    Text(String),
    Stream(mpsc::Receiver<String>),
}

impl Answer {
    /// A plain text.
    pub fn text(status: u16, text: &str) -> Answer {
        let headers = Headers::new();
        Answer { status, headers, content: Content::Text(text.to_owned()), hold: None }
    }

    fn into_response(self) -> Response<Outgoing> {
        let Answer { status, headers, content, hold } = self;
        let mut response = Response::new(Outgoing { content: Some(content), _hold: hold });
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // They have been checked where they were made.
        let _ = put_headers(response.headers_mut(), &headers);
        if !response.headers().contains_key(CONTENT_TYPE) {
            let kind = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        response
    }
}

struct Outgoing {
    content: Option<Content>,
    _hold: Option<Hold>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = |text: String| Some(Ok(Frame::data(Bytes::from(text))));
        match self.content.take() {
            None => Poll::Ready(None),
            Some(Content::Text(text)) if text.is_empty() => Poll::Ready(None),
            Some(Content::Text(text)) => Poll::Ready(frame(text)),
            Some(Content::Stream(mut events)) => {
                let next = events.poll_recv(context);
                if !matches!(next, Poll::Ready(None)) {
                    self.content = Some(Content::Stream(events));
                }
                next.map(|event| event.and_then(frame))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            None => true,
            Some(Content::Text(text)) => text.is_empty(),
            Some(Content::Stream(_)) => false,
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match &self.content {
            None => hyper::body::SizeHint::with_exact(0),
            Some(Content::Text(text)) => hyper::body::SizeHint::with_exact(text.len() as u64),
            Some(Content::Stream(_)) => hyper::body::SizeHint::new(),
        }
    }
}

/// A request on its way to its handler.
pub struct Arrived {
    pub message: Message,
    pub reply: oneshot::Sender<Answer>,
    /// It waits to be handled.
    pub queued: Counted,
}

/// Gives a request to the handler of a server.
pub type Deliver = Arc<dyn Fn(&Post, Arrived) + Send + Sync>;

#[derive(Clone)]
struct Server {
    limits: Limits,
    counts: Arc<Counts>,
    post: Post,
    deliver: Deliver,
}

/// Accepts connections for ever.
pub fn accept(
    listener: TcpListener,
    limits: Limits,
    counts: Arc<Counts>,
    post: Post,
    deliver: Deliver,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = Server { limits, counts, post, deliver };
    Ok(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(connection(server.clone(), stream))),
                // Too many open files, perhaps: some will be closed.
                Err(error) => {
                    server.counts.note(&format!("accept: {error}"));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    })
}

async fn connection(server: Server, stream: TcpStream) {
    // Answers are written at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(answer(server, request).await.into_response()) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // A client that hangs up or sends rubbish loses its connection, no more.
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        server.counts.note(&error.to_string());
    }
}

async fn answer(server: Server, request: Request<Incoming>) -> Answer {
    let Server { limits, counts, .. } = &server;
    let full = |count: &AtomicUsize, limit| count.load(Ordering::Relaxed) >= limit;
    if full(&counts.in_flight, limits.in_flight) || full(&counts.queued, limits.queue) {
        counts.overloads.fetch_add(1, Ordering::Relaxed);
        counts.note("Service overloaded");
        return Answer::text(limits.overload_status, "Service overloaded");
    }
    let _in_flight = Counted::new(counts, |c| &c.in_flight);
    let queued = Counted::new(counts, |c| &c.queued);
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect();
    let body = match tokio::time::timeout(limits.timeout, body).await {
        Ok(Ok(body)) => text_of(body.to_bytes()),
        Ok(Err(error)) => {
            counts.note(&error.to_string());
            let too_long = error.is::<http_body_util::LengthLimitError>();
            return match too_long {
                true => Answer::text(413, "Content Too Large"),
                false => Answer::text(400, "Bad Request"),
            };
        }
        Err(_) => return Answer::text(408, "Request Timeout"),
    };
    let message = Message {
        method: head.method.as_str().to_owned(),
        url: head.uri.path_and_query().map_or_else(|| head.uri.to_string(), |p| p.to_string()),
        status: 0,
        headers: headers_of(&head.headers),
        body,
    };
    let (reply, answer) = oneshot::channel();
    (server.deliver)(&server.post, Arrived { message, reply, queued });
    match tokio::time::timeout(limits.timeout, answer).await {
        Ok(Ok(answer)) => answer,
        // The server has been stopped.
        Ok(Err(_)) => Answer::text(503, "Service Unavailable"),
        Err(_) => {
            counts.timeouts.fetch_add(1, Ordering::Relaxed);
            counts.note("Request timed out");
            Answer::text(504, "Request timed out")
        }
    }
}
