//! Where the fault harness (`tests/faults`) reaches into the program: mechanisms that it switches off, to see whether its
//! checker notices, and windows between two steps in which it makes a process die, panic, fail or sleep.
//!
//! Only a debug build with the feature `faults` can do any of it. In every other build both questions are constants:
//! nothing is switched off, nothing happens in a window, and the optimiser removes them.
//!
//! | variable | meaning |
//! |---|---|
//! | `FAULT_OFF` | [mechanisms](Mechanism) to switch off, with commas |
//! | `FAULT_FOLDER` | a [window](Window) is armed by a file of its name in this folder, which holds the action: `exit` (as by `kill -9`), `panic`, `error` or `sleep:SECONDS`. Whoever comes to the window first takes the file away (it is `NAME.done` then) and acts: one process, once |
//!
//! They are no `KEYBELL_` variables, because the configuration refuses what it does not know.

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` breaks Keybell on purpose; a release build must not contain it");

/// How a process ends that the action `exit` ended.
pub const EXIT_CODE: i32 = 86;

macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$inner])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the environment.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

named! {
    /// What keeps a promise, each with the invariant that falls without it. Some have a second line behind them: then the
    /// invariant falls only when both are off, and the harness switches both off.
    Mechanism {
        /// 3: an item that has ended or was reset is not open any more: whoever decides it again does nothing.
        ItemGuard = "item-guard",
        /// 6, behind [`Mechanism::LostWork`]: when the answer to COMMIT is lost, the attempt id says whose write the
        /// ledger has. Off: it is taken for granted that the commit was made.
        AttemptId = "attempt-id",
        /// 2: a notification of an older credential version is not sent.
        VersionCheck = "version-check",
        /// 2, behind a unique index: one message at a time is on its way to an account by one channel.
        OneSending = "one-sending",
        /// 2: the last look at the lease, right before a message leaves.
        LeaseLook = "lease-look",
        /// 4: a result counts only if nobody took the notification over meanwhile.
        Fence = "fence",
        /// 6, behind [`Mechanism::LostWork`]: what the broker did not confirm does not count as published.
        Confirms = "confirms",
        /// 6, behind [`Mechanism::LostWork`]: a message is acknowledged after its work is done.
        AckLast = "ack-last",
        /// 6: the scan brings back what an empty queue has lost.
        LostWork = "lost-work",
        /// 6: the scan ends leases whose worker vanished.
        LeaseExpiry = "lease-expiry",
        /// 6: the sealed password of a told person is deleted.
        SealDeletion = "seal-deletion",
        /// 10: no password is ever logged.
        Redaction = "redaction",
        /// 1: a repeated key is the same request.
        Idempotency = "idempotency",
        /// 7: a cancel closes what is open before it answers, and a commit refuses a cancelled task.
        Cancel = "cancel",
        /// 7: nothing of a paused task is dispatched or reset.
        Pause = "pause",
        /// 5: the board refuses a snapshot that is older than the one it shows.
        BoardVersion = "board-version",
        /// 11: a task is found by its id only within the caller's district.
        District = "district",
        /// 9: three retries, no more.
        RetryLimit = "retry-limit",
        /// 9: a permanent answer is the last one.
        PermanentAnswer = "permanent-answer",
        /// 8: an item whose messages all failed ends as undelivered.
        Undelivered = "undelivered",
        /// 8: a message that nobody surely took is sent again.
        UnknownAnswer = "unknown-answer",
    }
}

named! {
    /// A gap between two steps that belong together, in which a process may end. The comment says what saves the work.
    Window {
        /// W1: a request is committed, and not answered. Its key is known when it comes again.
        RequestCommitted = "request-committed",
        /// W3: a published request is committed, and not acknowledged. Its message id is known when it comes again.
        PublishedRequestCommitted = "published-request-committed",
        /// W6: a chunk of accounts is written down, and more follow. The cursor was stored with it.
        ChunkCommitted = "chunk-committed",
        /// W8: items are on the queue, and not noted as such. They are published again; the second message does nothing.
        DispatchPublished = "dispatch-published",
        /// W13: everything of a group of resets is written, and not committed. Nothing happened.
        ResetWritten = "reset-written",
        /// W15: resets are committed, their notifications not published. The redelivered message publishes them.
        ResetCommitted = "reset-committed",
        /// W15: the notifications are published, the reset messages not acknowledged. They find nothing to do.
        ResetPublished = "reset-published",
        /// W21 and W25: a notification is claimed, and not sent. Its lease expires.
        NoticeClaimed = "notice-claimed",
        /// W22: a message was taken by the other side, and that is not stored. It is sent again, the same.
        NoticeSent = "notice-sent",
        /// W22: a result is stored, and what it makes due is not published. The scan publishes it.
        NoticeRecorded = "notice-recorded",
        /// W8 for the scan: what is due is noted as published, and is not. Found again, one grace later.
        RepairNoted = "repair-noted",
        /// W30: progress was read, and not shown. The board refuses it when it comes too late.
        ProgressRead = "progress-read",
        /// A task is `cancelling`, and its items are open. The finisher closes them.
        CancelEntered = "cancel-entered",
        /// W36 for the broker: events are on the exchange, and not noted as sent. They go out again, with their ids.
        EventsPublished = "events-published",
    }
}

/// Whether the harness has switched this off.
#[cfg(not(feature = "faults"))]
#[inline]
#[must_use]
pub const fn off(_: Mechanism) -> bool {
    false
}

/// A window between two steps.
#[cfg(not(feature = "faults"))]
#[inline]
#[expect(clippy::unused_async, reason = "the other build sleeps here")]
pub async fn point(_: Window) {}

/// A window whose second step can fail. Answers whether it shall.
#[cfg(not(feature = "faults"))]
#[inline]
#[expect(clippy::unused_async, reason = "the other build sleeps here")]
pub async fn failing(_: Window) -> bool {
    false
}

/// Says a new password to the log, when [`Mechanism::Redaction`] is off.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn leak(_: &secrecy::SecretString) {}

#[cfg(feature = "faults")]
pub use injected::{failing, leak, off, point};

#[cfg(feature = "faults")]
mod injected {
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;
    use std::time::Duration;

    use secrecy::{ExposeSecret as _, SecretString};

    use super::{EXIT_CODE, Mechanism, Window};

    static PLAN: LazyLock<Plan> = LazyLock::new(|| {
        Plan::read(&variable("FAULT_OFF"), &variable("FAULT_FOLDER")).unwrap_or_else(|reason| refuse(&reason))
    });

    /// What the environment says.
    #[derive(Debug)]
    struct Plan {
        off: Vec<Mechanism>,
        folder: Option<PathBuf>,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Action {
        Exit,
        Panic,
        Error,
        Sleep(Duration),
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "of the harness and not of the program: no part of the configuration"
    )]
    fn variable(name: &str) -> String {
        std::env::var(name).unwrap_or_default()
    }

    fn refuse(reason: &str) -> ! {
        tracing::error!(reason, "the fault harness asks for something that this build does not know");
        std::process::exit(2)
    }

    impl Plan {
        fn read(off: &str, folder: &str) -> Result<Self, String> {
            let words = off.split(',').map(str::trim).filter(|word| !word.is_empty());
            let mechanism = |word: &str| {
                let known = Mechanism::ALL.iter().copied().find(|one| one.name() == word);
                known.ok_or_else(|| format!("there is no mechanism `{word}`"))
            };
            let folder = (!folder.is_empty()).then(|| PathBuf::from(folder));
            Ok(Self { off: words.map(mechanism).collect::<Result<_, _>>()?, folder })
        }

        /// What is to be done in this window at this time.
        fn act(&self, window: Window) -> Option<Action> {
            let text = disarm(self.folder.as_ref()?, window)?;
            let action = action(text.trim()).unwrap_or_else(|| refuse(&format!("there is no action `{text}`")));
            tracing::warn!(window = window.name(), ?action, "the fault harness acts here");
            Some(action)
        }
    }

    /// Takes the window's file away. Only one of all processes can.
    fn disarm(folder: &Path, window: Window) -> Option<String> {
        let done = folder.join(format!("{}.done", window.name()));
        std::fs::rename(folder.join(window.name()), &done).ok()?;
        std::fs::read_to_string(done).ok()
    }

    fn action(text: &str) -> Option<Action> {
        Some(match text.split_once(':').unwrap_or((text, "")) {
            ("exit", "") => Action::Exit,
            ("panic", "") => Action::Panic,
            ("error", "") => Action::Error,
            ("sleep", seconds) => Action::Sleep(Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?),
            _ => return None,
        })
    }

    /// Whether the harness has switched this off.
    #[must_use]
    pub fn off(mechanism: Mechanism) -> bool {
        PLAN.off.contains(&mechanism)
    }

    /// A window between two steps.
    ///
    /// # Panics
    /// When the harness says so.
    pub async fn point(window: Window) {
        if failing(window).await {
            tracing::error!(window = window.name(), "nothing can fail in this window; `error` does nothing");
        }
    }

    /// A window whose second step can fail. Answers whether it shall.
    ///
    /// # Panics
    /// When the harness says so.
    pub async fn failing(window: Window) -> bool {
        match PLAN.act(window) {
            None => false,
            Some(Action::Error) => true,
            Some(Action::Exit) => std::process::exit(EXIT_CODE),
            Some(Action::Panic) => panic!("the fault harness panics in the window {}", window.name()),
            Some(Action::Sleep(time)) => {
                tokio::time::sleep(time).await;
                false
            }
        }
    }

    /// Says a new password to the log, when [`Mechanism::Redaction`] is off.
    pub fn leak(password: &SecretString) {
        if off(Mechanism::Redaction) {
            tracing::debug!(password = password.expose_secret(), "drawn");
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn mechanisms_and_actions_are_known_by_their_names() {
            let plan = Plan::read("fence, item-guard", "").unwrap();
            assert_eq!(plan.off, [Mechanism::Fence, Mechanism::ItemGuard]);
            assert_eq!(plan.act(Window::NoticeSent), None, "without a folder nothing is armed");
            Plan::read("fences", "").unwrap_err();
            assert_eq!(action("sleep:1.5"), Some(Action::Sleep(Duration::from_millis(1500))));
            for unknown in ["", "sleep", "sleep:x", "exit:1", "EXIT"] {
                assert_eq!(action(unknown), None, "{unknown}");
            }
        }

        #[test]
        fn an_armed_window_acts_once() {
            let folder = std::env::temp_dir().join(format!("fault-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&folder).unwrap();
            let plan = Plan::read("", &folder.display().to_string()).unwrap();
            assert_eq!(plan.act(Window::NoticeSent), None);
            std::fs::write(folder.join(Window::NoticeSent.name()), "exit\n").unwrap();
            assert_eq!(plan.act(Window::NoticeClaimed), None);
            assert_eq!(plan.act(Window::NoticeSent), Some(Action::Exit));
            assert_eq!(plan.act(Window::NoticeSent), None);
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
