//! Who calls, and checking people's passwords for upstream sign-in pages.

mod caller;
mod change;
mod check;
mod lane;
mod verify;

pub(crate) use caller::Caller;
pub(crate) use change::change;
pub(crate) use lane::Lane;
pub(crate) use verify::verify;
