//! The timer that interrupts the thread of a vm.
//!
//! Each tick sets the time of the next, at a random distance around the mean: a
//! program that does something every millisecond is not met at the same point each
//! time. A sample stands for the time since the one before.

#[cfg(target_os = "linux")]
pub(super) use linux::{Timer, stack_end};
#[cfg(not(target_os = "linux"))]
pub(super) use nowhere::{Timer, stack_end};

/// A timer that has been stopped, with the nanoseconds that were left.
pub(super) struct Pause {
    left_ns: u64,
    begun_ns: u64,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed};

    use super::super::Shared;
    use super::super::walk::Walk;
    use super::Pause;

    /// What the handler needs. There is one at a time.
    struct Ticks {
        shared: *const Shared,
        timer: libc::timer_t,
        mean_ns: u64,
        random: AtomicU64,
        /// When the last sample was taken, and when the next is due.
        last_ns: AtomicU64,
        due_ns: AtomicU64,
    }

    static TICKS: AtomicPtr<Ticks> = AtomicPtr::new(null_mut());

    /// A timer for this thread.
    pub struct Timer {
        ticks: Box<Ticks>,
        before: libc::sigaction,
    }

    /// The first address beyond the stack of this thread.
    pub fn stack_end() -> Option<usize> {
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
        let (mut start, mut bytes) = (null_mut(), 0);
        // SAFETY: the attributes are read only if they have been filled in, and given
        // back once.
        unsafe {
            if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
                return None;
            }
            let found = libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut bytes);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            (found == 0).then(|| start as usize + bytes)
        }
    }

    fn now_ns() -> u64 {
        let mut now = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the pointer is valid; this clock always exists.
        let now = unsafe {
            libc::clock_gettime(libc::CLOCK_MONOTONIC, now.as_mut_ptr());
            now.assume_init()
        };
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }

    impl Ticks {
        /// Has the timer fire once, so many nanoseconds from now.
        fn arm(&self, now_ns: u64, distance_ns: u64) {
            self.due_ns.store(now_ns + distance_ns, Relaxed);
            self.set(distance_ns.max(1));
        }

        /// The same; 0 stops it.
        fn set(&self, distance_ns: u64) {
            let value = libc::timespec {
                tv_sec: (distance_ns / 1_000_000_000) as libc::time_t,
                tv_nsec: (distance_ns % 1_000_000_000) as libc::c_long,
            };
            let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let spec = libc::itimerspec { it_interval: never, it_value: value };
            // SAFETY: the timer exists as long as this.
            unsafe { libc::timer_settime(self.timer, 0, &spec, null_mut()) };
        }

        /// A distance to the next tick: the mean, plus or minus a half.
        fn distance_ns(&self) -> u64 {
            let mut x = self.random.load(Relaxed);
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            self.random.store(x, Relaxed);
            self.mean_ns / 2 + (x >> 20) % (self.mean_ns + 1)
        }
    }

    impl Timer {
        /// Begins to interrupt this thread so many times a second.
        ///
        /// # Errors
        ///
        /// If there is a timer already, or the system refuses.
        pub fn start(shared: &Shared, hertz: u32) -> Result<Timer, String> {
            if !TICKS.load(Relaxed).is_null() {
                return Err("another program is being profiled in this process".into());
            }
            let failed = || format!("no timer: {}", std::io::Error::last_os_error());
            // SAFETY: plain data, for which zeroes are valid.
            let (mut event, mut action, mut before) = unsafe {
                (
                    MaybeUninit::<libc::sigevent>::zeroed().assume_init(),
                    MaybeUninit::<libc::sigaction>::zeroed().assume_init(),
                    MaybeUninit::<libc::sigaction>::zeroed().assume_init(),
                )
            };
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGPROF;
            // SAFETY: always succeeds.
            event.sigev_notify_thread_id = unsafe { libc::gettid() };
            let handler: extern "C" fn(_, _, _) = on_tick;
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
            let mut timer = null_mut();
            // SAFETY: all pointers are valid; the handler does only what it may, see
            // `on_tick`.
            unsafe {
                if libc::sigaction(libc::SIGPROF, &action, &mut before) != 0 {
                    return Err(failed());
                }
                if libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) != 0 {
                    let error = failed();
                    libc::sigaction(libc::SIGPROF, &before, null_mut());
                    return Err(error);
                }
            }
            let now = now_ns();
            let ticks = Box::new(Ticks {
                shared,
                timer,
                mean_ns: 1_000_000_000 / u64::from(hertz.max(1)),
                random: AtomicU64::new(now | 1),
                last_ns: AtomicU64::new(now),
                due_ns: AtomicU64::new(now),
            });
            TICKS.store(std::ptr::from_ref(&*ticks).cast_mut(), Relaxed);
            let distance_ns = ticks.distance_ns();
            ticks.arm(now, distance_ns);
            Ok(Timer { ticks, before })
        }

        /// Stops the timer while the program waits.
        pub fn pause(&self) -> Pause {
            self.ticks.set(0);
            let begun_ns = now_ns();
            Pause { left_ns: self.ticks.due_ns.load(Relaxed).saturating_sub(begun_ns), begun_ns }
        }

        /// The nanoseconds since it was stopped; samples will not count them.
        pub fn waited(&self, pause: &Pause) -> u64 {
            let waited_ns = now_ns() - pause.begun_ns;
            self.ticks.last_ns.fetch_add(waited_ns, Relaxed);
            waited_ns
        }

        /// Lets it go on as if no time had passed.
        pub fn go_on(&self, pause: Pause) {
            self.ticks.arm(now_ns(), pause.left_ns);
        }
    }

    impl Drop for Timer {
        fn drop(&mut self) {
            TICKS.store(null_mut(), Relaxed);
            let ignore = libc::SIG_IGN;
            // SAFETY: the timer exists, and is not used any more. A tick that is on its
            // way must not end the process, which is what the default action does.
            unsafe {
                libc::timer_delete(self.ticks.timer);
                if self.before.sa_sigaction == libc::SIG_DFL {
                    self.before.sa_sigaction = ignore;
                }
                libc::sigaction(libc::SIGPROF, &self.before, null_mut());
            }
        }
    }

    /// A tick. It runs between any two instructions of the thread: it allocates
    /// nothing, takes no lock, and calls only functions that POSIX allows.
    extern "C" fn on_tick(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: what is stored lives until it is taken back, on this thread; the
        // system passes a context; `errno` is this thread's.
        unsafe {
            let Some(ticks) = TICKS.load(Relaxed).as_ref() else { return };
            let shared = &*ticks.shared;
            if shared.is_waiting() {
                // On its way when the timer was stopped, which will be set again.
                return;
            }
            let errno = libc::__errno_location();
            let saved = *errno;
            let now = now_ns();
            let time_ns = now - ticks.last_ns.swap(now, Relaxed);
            shared.tick(time_ns, place(context.cast::<libc::ucontext_t>()));
            // From when the tick was due: timers are late by some microseconds. The
            // program gets four times as long as the handler took, at least.
            let due_ns = ticks.due_ns.load(Relaxed) + ticks.distance_ns();
            let end = now_ns();
            let least_ns = (ticks.mean_ns / 4).max(4 * (end - now));
            ticks.arm(end, due_ns.saturating_sub(end).max(least_ns));
            *errno = saved;
        }
    }

    /// Where the thread was.
    ///
    /// # Safety
    ///
    /// `context` must be that of a handler.
    #[cfg(target_arch = "x86_64")]
    unsafe fn place(context: *const libc::ucontext_t) -> Walk {
        // SAFETY: the caller says so.
        let registers = unsafe { &(*context).uc_mcontext.gregs };
        let register = |number: libc::c_int| registers[number as usize] as usize;
        Walk {
            ip: register(libc::REG_RIP),
            bp: register(libc::REG_RBP),
            sp: register(libc::REG_RSP),
            link: 0,
        }
    }

    /// Where the thread was.
    ///
    /// # Safety
    ///
    /// `context` must be that of a handler.
    #[cfg(target_arch = "aarch64")]
    unsafe fn place(context: *const libc::ucontext_t) -> Walk {
        // SAFETY: the caller says so.
        let machine = unsafe { &(*context).uc_mcontext };
        let register = |number: usize| machine.regs[number] as usize;
        Walk {
            ip: machine.pc as usize,
            bp: register(29),
            sp: machine.sp as usize,
            link: register(30),
        }
    }

    /// Elsewhere there is no machine code.
    ///
    /// # Safety
    ///
    /// None.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    unsafe fn place(_: *const libc::ucontext_t) -> Walk {
        Walk::exact()
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use super::super::Shared;
    use super::Pause;

    /// It is not known.
    pub fn stack_end() -> Option<usize> {
        None
    }

    /// There is none on this system.
    pub struct Timer;

    impl Timer {
        pub fn start(_: &Shared, _: u32) -> Result<Timer, String> {
            Err("time can be sampled on Linux only".into())
        }

        pub fn pause(&self) -> Pause {
            Pause { left_ns: 0, begun_ns: 0 }
        }

        pub fn waited(&self, pause: &Pause) -> u64 {
            pause.begun_ns
        }

        pub fn go_on(&self, pause: Pause) {
            let Pause { left_ns: _, .. } = pause;
        }
    }
}
