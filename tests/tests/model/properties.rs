//! The promises, and the proof that each mechanism is needed for one of them: without it the checker finds a way to break
//! it. The numbers are those of the invariants that the fault harness checks on the real program.

use std::collections::HashMap;

use stateright::{Checker as _, HasDiscoveries, Model as _, Property};

use super::protocol::{ATTEMPTS, Mechanism, Protocol, Step};
use super::world::{ItemState, NoticeState, World};

const ORDER: &str = "2: no older password arrives after a newer one";
const LAST: &str = "2: the last message tells the password that opens the account, or the account is listed";
const ONCE: &str = "3: an item changes the password at most once";
const NEWER: &str = "3: an older task never replaces a newer one's password";
const WALL: &str = "7: nothing of a task changes after its cancel was answered";
const SECOND: &str = "7: nothing of a task changes before a second person has approved it";
const TOLD: &str = "8: whoever's password changed is told, or listed";
const BOUND: &str = "9: no more attempts than allowed";

/// What is always so, and what must be possible: a model in which nothing happens would keep every promise.
pub(crate) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ORDER, |_, world: &World| !world.stale),
        Property::always(LAST, |_, world: &World| !world.is_quiet() || last_message_is_right(world)),
        Property::always(ONCE, |_, world: &World| world.items.iter().all(|item| item.changes <= 1)),
        Property::always(NEWER, |_, world: &World| !world.overwritten),
        Property::always(WALL, |_, world: &World| !world.after_cancel),
        Property::always(SECOND, |_, world: &World| !world.unapproved),
        Property::always(TOLD, |_, world: &World| everybody_is_told_or_listed(world)),
        Property::always(BOUND, |_, world: &World| {
            world.notices.iter().all(|notice| notice.attempts <= ATTEMPTS && notice.arrived <= ATTEMPTS)
        }),
        Property::sometimes("both are told, one after the other", |_, world: &World| {
            world.is_quiet() && world.items.iter().all(|item| item.state == ItemState::Notified)
        }),
        Property::sometimes("a message comes twice", |_, world: &World| {
            world.notices.iter().any(|notice| notice.arrived == 2 && notice.state == NoticeState::Accepted)
        }),
        Property::sometimes("somebody is told who counts as undelivered", |_, world: &World| {
            (0..2).any(|one| world.items[one].state == ItemState::Undelivered && world.notices[one].arrived > 0)
        }),
        Property::sometimes("a notice is obsolete before it leaves", |_, world: &World| {
            world.items[0].state == ItemState::Silent && world.items[1].state == ItemState::Notified
        }),
        Property::sometimes("the newer task is faster", |_, world: &World| {
            world.items[0].state == ItemState::Superseded
        }),
        Property::sometimes("a cancel comes in time", |_, world: &World| world.items[0].state == ItemState::Cancelled),
    ]
}

fn last_message_is_right(world: &World) -> bool {
    match world.items.iter().find(|item| item.changes > 0 && item.version == world.version) {
        None => world.version == 0 && world.told == 0,
        Some(item) if item.state == ItemState::Undelivered => true,
        Some(_) => world.told == world.version,
    }
}

fn everybody_is_told_or_listed(world: &World) -> bool {
    let changed = world.items.iter().zip(&world.notices).filter(|(item, _)| item.changes > 0);
    changed.into_iter().all(|(item, notice)| match item.state {
        // Its notification is still open.
        ItemState::Reset => matches!(notice.state, NoticeState::Waiting | NoticeState::Sending),
        ItemState::Notified => notice.arrived > 0,
        // The newer password is told instead.
        ItemState::Silent => item.version < world.version,
        ItemState::Undelivered => true,
        ItemState::Open | ItemState::Cancelled | ItemState::Superseded => false,
    })
}

/// Looks for a way to break one of these promises: answers a short one, and the number of states that were seen.
fn broken(protocol: Protocol, promises: &[&'static str]) -> Option<(String, usize)> {
    let found = HasDiscoveries::AnyOf(promises.iter().copied().collect());
    let checker = protocol.checker().finish_when(found).spawn_bfs().join();
    let way = promises.iter().find_map(|promise| checker.discovery(promise))?;
    Some((format!("{:?}", way.into_actions()), checker.unique_state_count()))
}

/// Counts the worlds that can be reached, and those of them from which nothing leads to an end of everything, although no
/// process crashes any more, nobody cancels and nothing is given up.
fn stuck(protocol: Protocol) -> (usize, usize) {
    let mut worlds = protocol.init_states();
    let mut places: HashMap<World, usize> = worlds.iter().copied().zip(0..).collect();
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    while let Some(world) = worlds.get(at).copied() {
        for (step, next) in protocol.next_steps(&world) {
            let place = *places.entry(next).or_insert_with(|| {
                worlds.push(next);
                before.push(Vec::new());
                worlds.len() - 1
            });
            if !matches!(step, Step::CrashResetter(_) | Step::CrashNotifier(_) | Step::Cancel(_) | Step::GiveUp(_)) {
                before[place].push(at);
            }
        }
        at += 1;
    }
    let mut ends: Vec<bool> = worlds.iter().map(World::is_quiet).collect();
    let mut open: Vec<usize> = (0..worlds.len()).filter(|&place| ends[place]).collect();
    while let Some(place) = open.pop() {
        for &earlier in &before[place] {
            if !std::mem::replace(&mut ends[earlier], true) {
                open.push(earlier);
            }
        }
    }
    (worlds.len(), ends.iter().filter(|ends| !**ends).count())
}

#[test]
fn the_protocol_keeps_its_promises_in_every_state() {
    let checker = Protocol::default().checker().threads(2).spawn_bfs().join();
    println!("{} states, {} steps deep", checker.unique_state_count(), checker.max_depth());
    assert!(checker.is_done());
    checker.assert_properties();
    assert!(checker.unique_state_count() > 10_000, "the model has become too small to say anything");
}

#[test]
fn without_any_one_mechanism_a_promise_is_broken() {
    for (mechanism, promise) in [
        (Mechanism::CompareAndSet, ONCE),
        (Mechanism::CompareAndSet, WALL),
        (Mechanism::NewerWins, NEWER),
        (Mechanism::Approval, SECOND),
        (Mechanism::CancelSparesNotices, TOLD),
        (Mechanism::VersionAtClaim, ORDER),
        (Mechanism::VersionAtClaim, LAST),
        (Mechanism::OneSending, ORDER),
        (Mechanism::LookAtLease, ORDER),
        (Mechanism::Fence, ORDER),
        (Mechanism::GiveUpSparesSending, ORDER),
        (Mechanism::ExpiryCounts, BOUND),
    ] {
        let way = broken(Protocol { without: Some(mechanism), ..Protocol::default() }, &[promise]);
        let (way, states) = way.unwrap_or_else(|| panic!("`{promise}` holds without {mechanism:?}"));
        println!("without {mechanism:?}, after {states} states, not so: {promise}\n    {way}");
    }
}

#[test]
fn a_notifier_that_is_frozen_within_a_dialogue_is_the_risk_that_remains() {
    let way = broken(Protocol { frozen_in_dialogue: true, ..Protocol::default() }, &[ORDER]);
    let (way, states) = way.expect("the risk is known, and no mechanism keeps it off");
    println!("after {states} states, not so: {ORDER}\n    {way}");
    // Nothing else is broken by it.
    let frozen = Protocol { frozen_in_dialogue: true, ..Protocol::default() };
    assert_eq!(broken(frozen, &[ONCE, NEWER, WALL, SECOND, TOLD, BOUND]), None);
}

#[test]
fn from_everywhere_everything_can_come_to_its_end() {
    let (worlds, stuck_for_ever) = stuck(Protocol::default());
    println!("{worlds} states");
    assert_eq!(stuck_for_ever, 0);
    let (worlds, stuck_for_ever) = stuck(Protocol { without: Some(Mechanism::Scan), ..Protocol::default() });
    println!("without the scan, {stuck_for_ever} of {worlds} states lead nowhere");
    assert!(stuck_for_ever > 0, "without the scan a notifier that crashes leaves somebody untold for ever");
}
