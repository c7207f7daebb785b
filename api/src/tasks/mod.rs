//! Tasks: starting, listing, looking at, following and controlling them.

mod control;
mod events;
mod follow;
mod idempotency;
mod items;
mod list;
mod scope;
mod show;
mod start;
mod view;

pub(crate) use control::{cancel, pause, resume};
pub(crate) use events::events;
pub(crate) use items::items;
pub(crate) use list::list;
pub(crate) use show::show;
pub(crate) use start::start;
