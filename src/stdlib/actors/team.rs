//! The threads on which actors live.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use super::*;
use crate::diag::Style;
use crate::runtime::{Team, report_of};
use crate::vm::{Interrupt, STACK_BYTES, interrupt};

/// The homes of a program's actors; every thread has this.
#[derive(Clone)]
struct Homes {
    posts: Arc<[Post]>,
    /// Actors that have been spawned.
    spawned: Arc<AtomicUsize>,
}

/// The workers, as one thread knows them.
pub(super) struct Workers {
    homes: Homes,
    /// Of the thread that started them: what ends them.
    threads: RefCell<Vec<(JoinHandle<()>, Interrupt)>>,
}

impl Workers {
    /// Starts worker threads.
    pub fn start(vm: &mut Vm, runtime: &Runtime, count: usize) -> Result<Rc<Workers>, Throw> {
        let program = runtime.post(vm)?;
        let mut threads = Vec::new();
        let mut posts = Vec::new();
        let mut starts = Vec::new();
        for _ in 0..count {
            let Some(machine) = vm.host.as_ref().map(|host| host.another_machine()) else {
                return Err(vm.runtime_error("this interpreter cannot have actors"));
            };
            let (ready, started) = mpsc::channel();
            let (all, homes) = mpsc::channel();
            let program = program.clone();
            let builder = std::thread::Builder::new().stack_size(STACK_BYTES).name("actors".into());
            let thread = builder.spawn(move || {
                machine(Box::new(move |vm| work(vm, program, &ready, &homes)));
            });
            let thread = match thread {
                Ok(thread) => thread,
                Err(error) => {
                    return Err(vm.runtime_error(format!("no thread for actors: {error}")));
                }
            };
            starts.push((thread, started, all));
        }
        for (thread, started, all) in starts {
            let Ok((post, interrupt)) = started.recv() else {
                return Err(vm.runtime_error("a thread for actors has ended"));
            };
            posts.push(post);
            threads.push(((thread, interrupt), all));
        }
        let homes = Homes { posts: posts.into(), spawned: Arc::default() };
        let threads = threads.into_iter().map(|(thread, all)| {
            // A worker that has ended needs no homes.
            let _ = all.send(homes.clone());
            thread
        });
        let threads = RefCell::new(threads.collect());
        Ok(Rc::new(Workers { homes, threads }))
    }

    /// All actors live on this thread.
    pub fn here(vm: &mut Vm, runtime: &Runtime) -> Result<Rc<Workers>, Throw> {
        let posts = [runtime.post(vm)?].into();
        let homes = Homes { posts, spawned: Arc::default() };
        Ok(Rc::new(Workers { homes, threads: RefCell::default() }))
    }

    /// Where the next actor lives.
    pub fn next_home(&self) -> Post {
        let number = self.homes.spawned.fetch_add(1, Ordering::Relaxed);
        self.homes.posts[number % self.homes.posts.len()].clone()
    }
}

impl Team for Workers {
    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }

    fn stop(&self, abandon: bool) {
        let threads = self.threads.take();
        if threads.is_empty() {
            return;
        }
        for post in self.homes.posts.iter() {
            post.send(move |vm| {
                Runtime::of(vm)?.close(abandon);
                Ok(())
            });
        }
        for (thread, interrupt) in threads {
            if abandon {
                interrupt.set(interrupt::CANCEL);
            }
            // A worker that has panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop(true);
    }
}

/// What a worker thread does.
fn work(
    vm: &mut Vm,
    program: Post,
    ready: &mpsc::Sender<(Post, Interrupt)>,
    homes: &mpsc::Receiver<Homes>,
) {
    vm.out = Box::new(Printer { program: program.clone(), text: Vec::new(), is_error: false });
    vm.err = Box::new(Printer { program: program.clone(), text: Vec::new(), is_error: true });
    let exit = program.clone();
    vm.on_exit = Some(Box::new(move |code| exit.send(move |vm| vm.exit(code))));
    let Ok(runtime) = Runtime::of(vm) else { return };
    let Ok(post) = runtime.post(vm) else { return };
    if ready.send((post, vm.interrupt.clone())).is_err() {
        return;
    }
    let Ok(homes) = homes.recv() else { return };
    runtime.set_team(Rc::new(Workers { homes, threads: RefCell::default() }), true);
    let failures = runtime.work(vm);
    let mut reports = String::new();
    for exception in &failures.unobserved {
        let report = report_of(vm, *exception, crate::diag::Stage::Async);
        reports.push_str(&report.render(&vm.sources, Style::Plain));
        for frame in vm.exception_trace(*exception) {
            reports.push_str(&format!("  at {frame}\n"));
        }
    }
    let is_serious = failures.are_serious();
    vm.flush();
    program.send(move |vm| {
        vm.write_err(&reports);
        if is_serious {
            Runtime::of(vm)?.has_failed();
        }
        Ok(())
    });
}

/// Has the program print what a worker prints.
struct Printer {
    program: Post,
    text: Vec<u8>,
    is_error: bool,
}

impl io::Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        if self.is_error || self.text.len() > 64 << 10 {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.text);
        let is_error = self.is_error;
        if !text.is_empty() {
            self.program.send(move |vm| {
                let text = String::from_utf8_lossy(&text);
                match is_error {
                    true => vm.write_err(&text),
                    false => vm.write_out(&text),
                }
                Ok(())
            });
        }
        Ok(())
    }
}
