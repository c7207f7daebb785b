//! Whether to write colours, which ones, and how wide the terminal is.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use keybell_shared::states::{ItemState, TaskState};

use crate::configuration::variable;

/// When colours are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    // On a terminal, unless NO_COLOR says no or CLICOLOR_FORCE says yes.
    #[default]
    Auto,
    Always,
    Never,
}

impl When {
    /// The answer for a stream that is, or is not, a terminal.
    fn decide(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if variable("NO_COLOR").is_some() => false,
            Self::Auto if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Self::Auto => terminal && variable("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

static WISH: OnceLock<When> = OnceLock::new();

/// Notes what the command line says; the first word counts.
pub(crate) fn wish(when: When) {
    WISH.set(when).unwrap_or_default();
}

/// Whether standard output is coloured.
pub(crate) fn on_stdout() -> bool {
    WISH.get().copied().unwrap_or_default().decide(std::io::stdout().is_terminal())
}

/// Whether standard error is coloured.
pub(crate) fn on_stderr() -> bool {
    WISH.get().copied().unwrap_or_default().decide(std::io::stderr().is_terminal())
}

/// How many columns a line of standard output may have: what `COLUMNS` says, else the terminal's width. Without a
/// terminal there is no bound: a program reads it.
pub(crate) fn width() -> Option<usize> {
    let told = variable("COLUMNS").and_then(|text| text.parse().ok()).filter(|columns| *columns > 0);
    told.or_else(|| {
        let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(std::io::stdout())?;
        Some(usize::from(columns))
    })
}

/// The heads of tables.
pub(crate) const HEAD: Style = Style::new().bold();
/// What is there but not important.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What somebody should look at.
pub(crate) const CARE: Style = AnsiColor::Yellow.on_default();
/// What is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What is going on.
pub(crate) const BUSY: Style = AnsiColor::Cyan.on_default();

/// The colour of a task's state.
pub(crate) const fn of_task(state: TaskState) -> Style {
    match state {
        TaskState::Expanding | TaskState::Running => BUSY,
        TaskState::AwaitingApproval | TaskState::Paused | TaskState::Cancelling | TaskState::CompletedWithErrors => {
            CARE
        }
        TaskState::Completed => GOOD,
        TaskState::Cancelled => FAINT,
        TaskState::Failed => BAD,
    }
}

/// The colour of an account's state within a task.
pub(crate) const fn of_item(state: ItemState) -> Style {
    match state {
        ItemState::Pending | ItemState::Queued | ItemState::Reset => BUSY,
        ItemState::Notified | ItemState::Silent => GOOD,
        ItemState::Undelivered => CARE,
        ItemState::Skipped | ItemState::Cancelled | ItemState::Superseded => FAINT,
        ItemState::Failed => BAD,
    }
}

/// A text in a colour, if standard output is coloured.
pub(crate) fn paint(text: impl Display, style: Style) -> String {
    if on_stdout() { format!("{style}{text}{style:#}") } else { text.to_string() }
}
