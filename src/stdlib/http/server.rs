//! Servers: what handles the requests that [`wire`](super::wire) gets.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::wire::{self, Answer, Arrived, Content, Counts, Limits, Message};
use super::*;
use crate::diag::Stage;
use crate::heap::Marker;
use crate::object::foreign::foreign;
use crate::object::future::{Reacts, State};
use crate::object::misc::int_of;
use crate::object::{BoundMethod, Future, Reaction};
use crate::runtime::Runtime;
use crate::vm::Job;

const SERVER: &str = "Server";
const REQUEST: &str = "ServerRequest";
const RESPONSE: &str = "ServerResponse";
const STREAM: &str = "ServerStream";
/// Where the last server that was started is found.
const LAST: &str = "\u{0}http_server";

/// Workers of `^concurrent true`, and the most there can be.
const WORKERS: i64 = 4;
const MAX_WORKERS: i64 = 8;
/// Events of a stream that its client has not read, at most.
const MAX_EVENTS: usize = 10_000;

pub(super) fn install(vm: &mut Vm) {
    let native = vm.native_kw("start_server", 2, 2, start_server);
    define(vm, "start_server", native);
    let native = vm.native("respond", 1, 3, respond);
    define(vm, "respond", native);
    let native = vm.native("redirect", 1, 2, redirect);
    define(vm, "redirect", native);
    let native = vm.native("respond_sse", 1, 1, respond_sse);
    define(vm, "respond_sse", native);
    let native = vm.native("http_server_status", 0, 0, status);
    define(vm, "http_server_status", native);
    let class = vm.make_class(SERVER, ClassName::Object);
    class_methods(
        vm,
        class,
        &[
            (&["port"], 0, 0, |vm, args| {
                Ok(Value::small_int(i64::from(this_server(vm, args)?.port)))
            }),
            (&["running?"], 0, 0, |vm, args| Ok(Value::bool(this_server(vm, args)?.running.get()))),
            (&["stop"], 0, 0, stop),
        ],
    );
    vm.make_class(REQUEST, ClassName::Object);
    vm.make_class(RESPONSE, ClassName::Object);
    let class = vm.make_class(STREAM, ClassName::Object);
    class_methods(vm, class, &[(&["send"], 1, 1, send_event), (&["close"], 0, 0, close_stream)]);
}

struct Server {
    handler: Value,
    port: u16,
    limits: Limits,
    counts: Arc<Counts>,
    running: Cell<bool>,
    /// Number under which the loop keeps it, and its task.
    service: RefCell<Option<(u64, AbortHandle)>>,
    /// Requests that may be handled at a time.
    workers: usize,
    working: Cell<usize>,
    /// Requests that wait for a worker.
    waiting: RefCell<VecDeque<Value>>,
    failures: Cell<usize>,
}

impl ForeignData for Server {
    fn class(&self) -> &'static str {
        SERVER
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.handler);
        for request in self.waiting.borrow().iter() {
            marker.value(*request);
        }
    }
}

struct ServerRequest {
    server: Value,
    reply: RefCell<Option<oneshot::Sender<Answer>>>,
    queued: RefCell<Option<wire::Counted>>,
}

impl ForeignData for ServerRequest {
    fn class(&self) -> &'static str {
        REQUEST
    }
    fn trace(&self, marker: &mut Marker) {
        marker.value(self.server);
    }
}

/// What `respond` and `redirect` give.
struct ServerResponse {
    status: u16,
    headers: Headers,
    body: String,
}

impl ForeignData for ServerResponse {
    fn class(&self) -> &'static str {
        RESPONSE
    }
}

struct Stream(RefCell<Option<mpsc::Sender<String>>>);

impl ForeignData for Stream {
    fn class(&self) -> &'static str {
        STREAM
    }
}

fn this_server<'a>(vm: &mut Vm, args: Args) -> Result<&'a Server, Throw> {
    foreign(args.this()).ok_or_else(|| wrong_receiver(vm, args))
}

// ---- starting and stopping ---------------------------------------------------

/// A keyword that is a number from `least` to `most`.
fn number(
    vm: &mut Vm,
    options: Option<Gc<Map>>,
    name: &str,
    (least, most): (i64, i64),
) -> Result<Option<i64>, Throw> {
    let value = options.and_then(|o| o.get(Symbol::intern(name))).filter(|v| !v.is_nil());
    match value.map(int_of) {
        None => Ok(None),
        Some(Some(number)) if (least..=most).contains(&number) => Ok(Some(number)),
        Some(_) => {
            let range = match most {
                i64::MAX => format!("of at least {least}"),
                _ => format!("from {least} to {most}"),
            };
            Err(vm.arg_error(format!("start_server: ^{name} must be an Int {range}")))
        }
    }
}

const OPTIONS: &[&str] = &[
    "host",
    "workers",
    "concurrent",
    "queue_limit",
    "max_in_flight",
    "overload_status",
    "request_timeout_ms",
];

fn start_server(vm: &mut Vm, args: Args) -> Outcome {
    let options = vm.keywords_of(OPTIONS)?;
    let get = |name: &str| options.and_then(|o| o.get(Symbol::intern(name)));
    let Ok(port) = u16::try_from(vm.int_arg(args, 0)?) else {
        return Err(vm.arg_error("start_server: a port is an Int from 0 to 65535"));
    };
    let handler = args.get(1);
    if !vm.is_callable(handler) {
        return Err(vm.wrong_arg(args, 1, "a function"));
    }
    let host = match get("host") {
        None | Some(Value::NIL) => "127.0.0.1".to_owned(),
        Some(host) => match text_of(host) {
            Some(host) => host.to_owned(),
            None => return Err(vm.arg_error("start_server: ^host must be a string")),
        },
    };
    let any = (1, i64::MAX);
    let queue = number(vm, options, "queue_limit", any)?.unwrap_or(10_000);
    let in_flight = number(vm, options, "max_in_flight", any)?.unwrap_or(i64::MAX);
    let overload_status = number(vm, options, "overload_status", (400, 599))?.unwrap_or(503);
    let timeout = number(vm, options, "request_timeout_ms", (1, 600_000))?.unwrap_or(10_000);
    let workers = match number(vm, options, "workers", (1, MAX_WORKERS))? {
        None if get("concurrent").is_some_and(Value::is_truthy) => Some(WORKERS),
        workers => workers,
    };
    if workers.is_some() {
        freeze(vm, handler)?;
    }
    let limits = Limits {
        queue: queue as usize,
        in_flight: in_flight as usize,
        overload_status: overload_status as u16,
        timeout: Duration::from_millis(timeout as u64),
    };
    let listening = TcpListener::bind((host.as_str(), port))
        .and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
    let (port, listener) = match listening {
        Ok(listening) => listening,
        Err(error) => {
            return Err(net_error(vm, format!("cannot listen on {host}:{port}: {error}")));
        }
    };
    let counts = Arc::new(Counts::default());
    let server = Server {
        handler,
        port,
        limits,
        counts: counts.clone(),
        running: Cell::new(true),
        service: RefCell::default(),
        workers: workers.map_or(usize::MAX, |n| n as usize),
        working: Cell::new(0),
        waiting: RefCell::default(),
        failures: Cell::new(0),
    };
    let value = Foreign::new(&mut vm.heap, server).value();
    let runtime = Runtime::of(vm)?;
    let number = runtime.keep(value);
    let deliver: wire::Deliver = Arc::new(move |post, arrived| {
        post.send(move |vm| begin(vm, number, arrived));
    });
    let task = runtime.serve(vm, |post| wire::accept(listener, limits, counts, post, deliver))?;
    match task {
        Ok(task) => {
            if let Some(server) = foreign::<Server>(value) {
                *server.service.borrow_mut() = Some((number, task));
            }
        }
        Err(error) => {
            runtime.release(number, None);
            return Err(net_error(vm, format!("cannot listen: {error}")));
        }
    }
    vm.define_value(LAST, value);
    Ok(value)
}

fn stop(vm: &mut Vm, args: Args) -> Outcome {
    let server = this_server(vm, args)?;
    server.running.set(false);
    if let Some((number, task)) = server.service.take() {
        Runtime::of(vm)?.release(number, Some(&task));
    }
    Ok(Value::NIL)
}

fn status(vm: &mut Vm, _: Args) -> Outcome {
    let last = vm.builtins.get(&Symbol::intern(LAST)).copied();
    let server = last.and_then(foreign::<Server>);
    let running = server.is_some_and(|s| s.running.get());
    let count = |of: fn(&Counts) -> usize| server.map_or(0, |s| of(&s.counts));
    let in_flight = count(|c| c.in_flight.load(Ordering::Relaxed));
    let state = match server {
        Some(s) if running && in_flight >= s.limits.in_flight => "degraded",
        Some(_) if running => "ok",
        _ => "stopped",
    };
    let last_error = server.and_then(|s| s.counts.last_error.lock().ok()?.clone());
    let number = |n: usize| Value::small_int(n as i64);
    let fields = [
        ("status", text(vm, state)),
        ("server_running", Value::bool(running)),
        ("port", server.map_or(Value::NIL, |s| number(s.port.into()))),
        ("in_flight", number(in_flight)),
        ("overload_count", number(count(|c| c.overloads.load(Ordering::Relaxed)))),
        ("timeout_count", number(count(|c| c.timeouts.load(Ordering::Relaxed)))),
        ("handler_failure_count", number(server.map_or(0, |s| s.failures.get()))),
        ("last_error", last_error.map_or(Value::NIL, |e| text(vm, &e))),
    ];
    let fields = fields.map(|(name, value)| (Symbol::intern(name), value));
    Ok(Map::from_entries(&mut vm.heap, &fields).value())
}

// ---- requests ----------------------------------------------------------------

/// A request has arrived.
fn begin(vm: &mut Vm, number: u64, arrived: Arrived) -> Result<(), Throw> {
    // Requests to a server that has been stopped meanwhile are dropped, which
    // answers them.
    let Some(value) = Runtime::of(vm)?.kept(number) else { return Ok(()) };
    let Some(server) = foreign::<Server>(value) else { return Ok(()) };
    let Arrived { message, reply, queued } = arrived;
    let data = ServerRequest {
        server: value,
        reply: RefCell::new(Some(reply)),
        queued: RefCell::new(Some(queued)),
    };
    let request = request_object(vm, data, &message);
    server.waiting.borrow_mut().push_back(request);
    if let Some(server) = Gc::<Foreign>::from_value(value) {
        vm.heap.barrier(server);
    }
    begin_waiting(vm, server);
    Ok(())
}

/// Begins to handle requests that wait, if there are workers for them.
fn begin_waiting(vm: &mut Vm, server: &Server) {
    while server.working.get() < server.workers {
        let Some(request) = server.waiting.borrow_mut().pop_front() else { return };
        server.working.set(server.working.get() + 1);
        let method = vm.native("handle", 1, 1, handle);
        let function = BoundMethod::new(&mut vm.heap, request, method).value();
        vm.tasks.ready.push_back(Job::Call { function, argument: request });
    }
}

fn request_object(vm: &mut Vm, data: ServerRequest, message: &Message) -> Value {
    let (path, query) = message.url.split_once('?').unwrap_or((&message.url, ""));
    let kind = message.headers.iter().find(|(name, _)| name == "content-type");
    let kind = kind.map_or("", |(_, value)| value.as_str()).to_ascii_lowercase();
    let body_params = if kind.contains("json") {
        // A body that is no JSON has no parameters.
        let parsed = super::super::json::parse_text(vm, &message.body).ok();
        parsed.and_then(Gc::<Map>::from_value).map(Gc::value)
    } else {
        kind.starts_with("application/x-www-form-urlencoded").then(|| form(vm, &message.body))
    };
    let body_params = body_params.unwrap_or_else(|| Map::new(&mut vm.heap, 0).value());
    let fields = [
        ("method", text(vm, &message.method)),
        ("path", text(vm, path)),
        ("url", text(vm, &message.url)),
        ("params", form(vm, query)),
        ("headers", headers_map(vm, &message.headers)),
        ("body", text(vm, &message.body)),
        ("body_params", body_params),
    ];
    object(vm, data, &fields)
}

/// The map of `a=1&b=2`.
fn form(vm: &mut Vm, encoded: &str) -> Value {
    let map = Map::new(&mut vm.heap, 0);
    for pair in encoded.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = text(vm, &decoded(value));
        map.set(&mut vm.heap, Symbol::intern(&decoded(name)), value);
    }
    map.value()
}

/// A text without its plus and percent signs; what they cannot mean is kept.
fn decoded(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let digit = |i: usize| after.get(i).and_then(|d| char::from(*d).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// ---- handling ----------------------------------------------------------------

/// The job of one request, which is the receiver and the argument.
fn handle(vm: &mut Vm, args: Args) -> Outcome {
    let request = args.get(0);
    let Some(data) = foreign::<ServerRequest>(request) else { return Ok(Value::NIL) };
    drop(data.queued.take());
    let Some(server) = foreign::<Server>(data.server) else { return Ok(Value::NIL) };
    if data.reply.borrow().as_ref().is_none_or(oneshot::Sender::is_closed) {
        // Its client has hung up, or its time was up while it waited.
        end_worker(vm, request);
        return Ok(Value::NIL);
    }
    let result = vm.call(server.handler, &[request]);
    let Some(future) = result.ok().and_then(Gc::<Future>::from_value) else {
        end(vm, request, result)?;
        return Ok(Value::NIL);
    };
    match future.state() {
        State::Pending => {
            for (reacts, end) in
                [(Reacts::OnSuccess, succeeded as NativeFn), (Reacts::OnFailure, failed)]
            {
                let method = vm.native("end_request", 1, 1, end);
                let bound = BoundMethod::new(&mut vm.heap, request, method).value();
                let reaction = Reaction::new(&mut vm.heap, reacts, bound, Value::NIL, 0);
                future.add_waiter(&mut vm.heap, reaction.value());
            }
        }
        State::Success => end(vm, request, Ok(future.value_inside()))?,
        State::Failure | State::Cancelled => {
            Runtime::of(vm)?.observe_failure(future);
            end(vm, request, Err(Throw(future.value_inside())))?;
        }
    }
    Ok(Value::NIL)
}

fn succeeded(vm: &mut Vm, args: Args) -> Outcome {
    end(vm, args.this(), Ok(args.get(0)))?;
    Ok(Value::NIL)
}

fn failed(vm: &mut Vm, args: Args) -> Outcome {
    end(vm, args.this(), Err(Throw(args.get(0))))?;
    Ok(Value::NIL)
}

/// The handler has ended.
fn end(vm: &mut Vm, request: Value, result: Outcome) -> Result<(), Throw> {
    let Some(data) = foreign::<ServerRequest>(request) else { return Ok(()) };
    let reply = data.reply.take();
    let answer = match result {
        Ok(value) => answer_of(value),
        Err(throw) => {
            if let Some(server) = foreign::<Server>(data.server) {
                server.failures.set(server.failures.get() + 1);
                server.counts.note(&vm.exception_message(throw.0));
            }
            // Handlers that the end of the program cancels have not failed.
            if !vm.class_of(throw.0).is_a(vm.class(ClassName::CancellationException)) {
                Runtime::of(vm)?.report_only(vm, throw.0, Stage::Http);
            }
            None
        }
    };
    if let Some(reply) = reply {
        let mut answer = answer.unwrap_or_else(|| Answer::text(500, "Internal Server Error"));
        answer.hold = Some(Runtime::of(vm)?.hold(vm)?);
        // The client may have hung up.
        let _ = reply.send(answer);
    }
    end_worker(vm, request);
    Ok(())
}

fn end_worker(vm: &mut Vm, request: Value) {
    let server = foreign::<ServerRequest>(request).and_then(|r| foreign::<Server>(r.server));
    if let Some(server) = server {
        server.working.set(server.working.get().saturating_sub(1));
        begin_waiting(vm, server);
    }
}

/// What a handler's result means; `None` for what is no answer.
fn answer_of(value: Value) -> Option<Answer> {
    if let Some(text) = text_of(value) {
        return Some(Answer::text(200, text));
    }
    let response = foreign::<ServerResponse>(value)?;
    let mut answer = Answer::text(response.status, &response.body);
    answer.headers = response.headers.clone();
    Some(answer)
}

// ---- answers -----------------------------------------------------------------

/// `(respond body)`, `(respond status body [headers])`
fn respond(vm: &mut Vm, args: Args) -> Outcome {
    let (status, body) = match args.len() {
        1 => (200, args.get(0)),
        _ => (status_arg(vm, args, 0, (200, 599))?, args.get(1)),
    };
    let mut headers = headers_arg(vm, args.get(2))?;
    let body = body_arg(vm, body, &mut headers)?;
    Ok(response(vm, status, headers, body))
}

/// `(redirect url [status])`
fn redirect(vm: &mut Vm, args: Args) -> Outcome {
    let headers = vec![("location".to_owned(), vm.str_arg(args, 0)?.to_owned())];
    wire::check_headers(&headers).map_err(|error| vm.arg_error(error))?;
    let status = match args.opt(1) {
        Some(_) => status_arg(vm, args, 1, (300, 399))?,
        None => 302,
    };
    Ok(response(vm, status, headers, String::new()))
}

fn response(vm: &mut Vm, status: u16, headers: Headers, body: String) -> Value {
    let fields = [
        ("status", Value::small_int(i64::from(status))),
        ("headers", headers_map(vm, &headers)),
        ("body", text(vm, &body)),
    ];
    object(vm, ServerResponse { status, headers, body }, &fields)
}

fn status_arg(
    vm: &mut Vm,
    args: Args,
    index: usize,
    (least, most): (i64, i64),
) -> Result<u16, Throw> {
    let status = vm.int_arg(args, index)?;
    match (least..=most).contains(&status) {
        true => Ok(status as u16),
        false => {
            let name = native_name(args);
            Err(vm.arg_error(format!("{name}: a status is an Int from {least} to {most}")))
        }
    }
}

/// `(respond_sse req)`: from now on the answer is a stream of events.
fn respond_sse(vm: &mut Vm, args: Args) -> Outcome {
    let Some(data) = foreign::<ServerRequest>(args.get(0)) else {
        return Err(vm.wrong_arg(args, 0, "a gene/ServerRequest"));
    };
    let Some(reply) = data.reply.take() else {
        return Err(net_error(vm, "respond_sse: the request has been answered"));
    };
    let (sender, events) = mpsc::channel(MAX_EVENTS);
    let headers = vec![
        ("content-type".to_owned(), "text/event-stream".to_owned()),
        ("cache-control".to_owned(), "no-cache".to_owned()),
    ];
    let content = Content::Stream(events);
    // If the client has hung up, sending says so.
    let _ = reply.send(Answer { status: 200, headers, content, hold: None });
    Ok(Foreign::new(&mut vm.heap, Stream(RefCell::new(Some(sender)))).value())
}

/// `(stream .send v)`: whether the client is still there to read it.
fn send_event(vm: &mut Vm, args: Args) -> Outcome {
    let Some(stream) = foreign::<Stream>(args.this()) else {
        return Err(wrong_receiver(vm, args));
    };
    let data = body_arg(vm, args.get(0), &mut Headers::new())?;
    let lines = data.split('\n').map(|line| line.trim_end_matches('\r'));
    let event: String = lines.map(|line| format!("data: {line}\n")).chain(["\n".into()]).collect();
    let sent = stream.0.borrow().as_ref().is_some_and(|s| s.try_send(event).is_ok());
    Ok(Value::bool(sent))
}

fn close_stream(vm: &mut Vm, args: Args) -> Outcome {
    match foreign::<Stream>(args.this()) {
        Some(stream) => drop(stream.0.take()),
        None => return Err(wrong_receiver(vm, args)),
    }
    Ok(Value::NIL)
}
