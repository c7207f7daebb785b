//! Hashing threads give way to everybody else.
//!
//! There is one on every core, and they always have something to do. What else the machine does (the transactions of the
//! same process, its API, the database beside it) takes microseconds, but hashing waits for it afterwards. So hashing takes
//! what is left over: with nothing else to do that is everything.

use tracing::debug;

/// How much a hashing thread gives way: the `nice` value, of at most 19. It weighs a third of others: enough that they do not
/// wait, and not so little that whatever else a machine is busy with stops the resets.
#[cfg(target_os = "linux")]
const NICE: libc::c_int = 5;

/// Lets the calling thread give way. A system that does not allow it goes on without.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call")]
pub(crate) fn give_way() {
    // SAFETY: changes a number that the scheduler keeps of the calling thread (0), and no memory.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
        debug!(error = %std::io::Error::last_os_error(), "a hashing thread keeps its priority");
    }
}

/// Only Linux knows priorities of threads.
#[cfg(not(target_os = "linux"))]
pub(crate) fn give_way() {
    debug!("a hashing thread keeps its priority");
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_gives_way() {
        let nice = || {
            // Field 19 of stat(5); the name before it has no blank here.
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("procfs");
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(16)?.parse::<i32>().ok())
        };
        let before = nice();
        let (inside, outside) = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                give_way();
                nice()
            });
            (thread.join().expect("no panic"), nice())
        });
        assert_eq!(inside, Some(NICE));
        assert_eq!(outside, before);
    }
}
