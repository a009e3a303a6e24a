//! Requests and responses.

use std::time::Duration;

use super::wire::{self, Message};
use super::*;
use crate::object::Future;
use crate::runtime::Runtime;
use crate::vm::tasks::milliseconds;

const REQUEST: &str = "Request";
const RESPONSE: &str = "Response";

struct Request;

impl ForeignData for Request {
    fn class(&self) -> &'static str {
        REQUEST
    }
}

struct Response;

impl ForeignData for Response {
    fn class(&self) -> &'static str {
        RESPONSE
    }
}

pub(super) fn install(vm: &mut Vm) {
    let class = vm.make_class(REQUEST, ClassName::Object);
    let ctor = vm.native("new", 1, 4, new_request);
    class.ctor.set(ctor);
    vm.heap.barrier(class);
    let send = vm.native_kw("send", 0, 0, send_request);
    class.add_method(&mut vm.heap, "send".into(), send);
    let class = vm.make_class(RESPONSE, ClassName::Object);
    class_methods(vm, class, &[(&["json"], 0, 0, json)]);

    let asynchronous: &Natives = &[
        (&["http_get"], 1, 2, |vm, args| send_plain(vm, args, "GET")),
        (&["http_delete"], 1, 2, |vm, args| send_plain(vm, args, "DELETE")),
        (&["http_post"], 2, 3, |vm, args| send_body(vm, args, "POST")),
        (&["http_put"], 2, 3, |vm, args| send_body(vm, args, "PUT")),
        (&["http_patch"], 2, 3, |vm, args| send_body(vm, args, "PATCH")),
    ];
    for (names, min, max, function) in asynchronous {
        for name in *names {
            let native = vm.native_kw(name, *min, *max, *function);
            define(vm, name, native);
        }
    }
    let synchronous: &Natives = &[
        (&["get"], 1, 2, |vm, args| {
            let future = send_plain(vm, args, "GET")?;
            body_of(vm, future, false)
        }),
        (&["get_json"], 1, 2, |vm, args| {
            let future = send_plain(vm, args, "GET")?;
            body_of(vm, future, true)
        }),
        (&["delete"], 1, 2, |vm, args| {
            let future = send_plain(vm, args, "DELETE")?;
            body_of(vm, future, false)
        }),
        (&["post"], 2, 3, |vm, args| {
            let future = send_body(vm, args, "POST")?;
            body_of(vm, future, false)
        }),
        (&["post_json"], 2, 3, |vm, args| {
            let future = send_body(vm, args, "POST")?;
            body_of(vm, future, true)
        }),
        (&["put"], 2, 3, |vm, args| {
            let future = send_body(vm, args, "PUT")?;
            body_of(vm, future, false)
        }),
    ];
    for (names, min, max, function) in synchronous {
        for name in *names {
            let native = vm.native_kw(name, *min, *max, *function);
            vm.define_in(&format!("genex/http/{name}"), native);
        }
    }
}

/// The `^timeout` of the running call.
fn timeout(vm: &mut Vm) -> Result<Option<Duration>, Throw> {
    let Some(timeout) = vm.keyword("timeout")?.filter(|t| !t.is_nil()) else { return Ok(None) };
    let ms = milliseconds(vm, timeout)?;
    Ok(Duration::try_from_secs_f64(ms / 1000.0).ok())
}

/// `(http_get url [headers])`
fn send_plain(vm: &mut Vm, args: Args, method: &str) -> Outcome {
    let timeout = timeout(vm)?;
    let url = vm.str_arg(args, 0)?.to_owned();
    send(vm, timeout, method, url, args.get(1), Value::NIL)
}

/// `(http_post url body [headers])`
fn send_body(vm: &mut Vm, args: Args, method: &str) -> Outcome {
    let timeout = timeout(vm)?;
    let url = vm.str_arg(args, 0)?.to_owned();
    send(vm, timeout, method, url, args.get(2), args.get(1))
}

/// `(new gene/Request url [method] [headers] [body])`
fn new_request(vm: &mut Vm, args: Args) -> Outcome {
    vm.str_arg(args, 0)?;
    let method = match args.get(1) {
        Value::NIL => "GET".to_owned(),
        _ => vm.name_arg(args, 1)?.as_str().to_ascii_uppercase(),
    };
    let method = text(vm, &method);
    // Wrong ones are to be found here.
    headers_arg(vm, args.get(2))?;
    let fields =
        [("url", args.get(0)), ("method", method), ("headers", args.get(2)), ("body", args.get(3))];
    Ok(object(vm, Request, &fields))
}

fn send_request(vm: &mut Vm, args: Args) -> Outcome {
    let timeout = timeout(vm)?;
    let request = args.this();
    let (url, method) = (text_of(field(request, "url")), text_of(field(request, "method")));
    let (Some(url), Some(method)) = (url, method) else { return Err(wrong_receiver(vm, args)) };
    send(vm, timeout, method, url.to_owned(), field(request, "headers"), field(request, "body"))
}

/// Begins an operation; its future.
fn send(
    vm: &mut Vm,
    timeout: Option<Duration>,
    method: &str,
    url: String,
    headers: Value,
    body: Value,
) -> Outcome {
    let mut headers = headers_arg(vm, headers)?;
    let body = body_arg(vm, body, &mut headers)?;
    let message = Message { method: method.to_owned(), url, status: 0, headers, body };
    let work = async move {
        match timeout {
            Some(limit) => tokio::time::timeout(limit, wire::fetch(message)).await.ok(),
            None => Some(wire::fetch(message).await),
        }
    };
    let future = Runtime::of(vm)?.run_async(vm, work, |vm, result| match result {
        Some(Ok(message)) => Ok(response(vm, &message)),
        Some(Err(error)) => Err(net_error(vm, error)),
        None => {
            let class = ClassName::TimeoutException;
            Err(vm.error(class, "GENE.ASYNC.TIMEOUT", "HTTP request timed out"))
        }
    })?;
    Ok(future.value())
}

fn response(vm: &mut Vm, message: &Message) -> Value {
    let status = Value::small_int(i64::from(message.status));
    let headers = headers_map(vm, &message.headers);
    let body = text(vm, &message.body);
    object(vm, Response, &[("status", status), ("headers", headers), ("body", body)])
}

fn json(vm: &mut Vm, args: Args) -> Outcome {
    match text_of(field(args.this(), "body")) {
        Some(body) => super::super::json::parse_text(vm, body),
        None => Err(wrong_receiver(vm, args)),
    }
}

/// Drives the loop; the body of the response, parsed if that is wanted.
fn body_of(vm: &mut Vm, future: Value, parsed: bool) -> Outcome {
    let Some(future) = Gc::<Future>::from_value(future) else { return Ok(Value::NIL) };
    let mark = vm.root_mark();
    vm.root(future.value());
    let response = vm.await_within(future, Value::float(f64::INFINITY));
    vm.unroot(mark);
    let body = field(response?, "body");
    match text_of(body).filter(|_| parsed) {
        Some(json) => super::super::json::parse_text(vm, json),
        None => Ok(body),
    }
}
