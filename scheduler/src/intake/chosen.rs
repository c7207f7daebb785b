//! Which items of a task a body means: by their states, or by their accounts.

use std::collections::HashSet;

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Chosen, IntakeLedger};
use keybell_shared::problem::Problem;
use keybell_shared::request::MAX_NAMED;
use keybell_shared::states::ItemState;
use serde::{Deserialize, Deserializer};

use super::rules;

/// Reads a member that may be left out but is never null: a list that was lost on the way must not mean the default.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// What the members of a body may say, and the codes of what they may not.
pub(crate) struct Choice {
    /// The states that are meant when neither member is given.
    pub(crate) default: &'static [ItemState],
    /// The states that may be given.
    pub(crate) allowed: fn(ItemState) -> bool,
    /// Both members are given.
    pub(crate) both: &'static str,
    /// The member that is given is an empty list.
    pub(crate) empty: &'static str,
    /// Another state than those allowed.
    pub(crate) not_allowed: (&'static str, &'static str),
    /// Names that mean nobody in the district.
    pub(crate) unknown: &'static str,
}

impl Choice {
    /// Checks the members and resolves the accounts.
    pub(crate) async fn resolve<L: IntakeLedger + ?Sized>(
        &self,
        ledger: &L,
        district: DistrictId,
        items: Option<&[ItemState]>,
        accounts: Option<&[String]>,
    ) -> Result<Chosen, Problem> {
        match (items, accounts) {
            (Some(_), Some(_)) => {
                let detail = "name items by their states or by their accounts, not by both";
                Err(Problem::invalid(self.both, "accounts", detail))
            }
            (None, None) => Ok(Chosen::States(self.default.to_vec())),
            (Some(states), None) => self.states(states),
            (None, Some(names)) => self.accounts(ledger, district, names).await,
        }
    }

    fn states(&self, states: &[ItemState]) -> Result<Chosen, Problem> {
        if states.is_empty() {
            return Err(self.nothing("items"));
        }
        if let Some(at) = states.iter().position(|state| !(self.allowed)(*state)) {
            let (code, rule) = self.not_allowed;
            return Err(Problem::invalid(code, format!("items[{at}]"), rule));
        }
        Ok(Chosen::States(states.to_vec()))
    }

    async fn accounts<L: IntakeLedger + ?Sized>(
        &self,
        ledger: &L,
        district: DistrictId,
        names: &[String],
    ) -> Result<Chosen, Problem> {
        if names.is_empty() {
            return Err(self.nothing("accounts"));
        }
        rules::names("accounts", names, MAX_NAMED)?;
        let mut seen = HashSet::with_capacity(names.len());
        let once: Vec<String> = names.iter().filter(|name| seen.insert(name.as_str())).cloned().collect();
        let resolved = ledger.resolve_accounts(district, &once).await?;
        if !resolved.unknown.is_empty() {
            let detail =
                "these accounts are unknown in your district; correct or remove all of them, nothing was changed";
            return Err(Problem::invalid(self.unknown, "accounts", detail).with_entries(resolved.unknown));
        }
        Ok(Chosen::Accounts(resolved.found))
    }

    fn nothing(&self, field: &str) -> Problem {
        Problem::invalid(self.empty, field, "an empty list means nobody; leave it out, or say which are meant")
    }
}
