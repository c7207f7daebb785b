//! Looking for accounts, with the filter of a selection; and marking them. Who may do so is decided here.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{AccountFilter, AccountPage, AccountView, Managed, Marked, Marks};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{Scope, Selection, Where};

use super::{Intake, rules, selection};

/// The longest name of an identity provider, in characters.
const MAX_PROVIDER: usize = 100;

/// Whom somebody looks for. Whatever is left out does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Looking {
    /// The filter of a selection.
    pub narrowed: Where,
    /// How the username or the family name begins.
    pub begins: Option<String>,
    /// One account: its id, username or roster id.
    pub account: Option<String>,
}

impl Intake {
    /// A page of the accounts that the caller may see: a district administrator everybody, a principal those of the own
    /// school, a teacher the pupils of the own classes. Operators and applications see nobody: the one watches tasks, the
    /// other reads what it asked for itself.
    ///
    /// # Errors
    /// `role.forbidden`; `selection.unknown_names` and what else a filter must be; `accounts.begins`.
    pub async fn look(
        &self,
        actor: &Actor,
        looking: Looking,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, Problem> {
        may_look(actor)?;
        rules::narrowing("where", &looking.narrowed)?;
        if looking
            .begins
            .as_ref()
            .is_some_and(|begins| begins.trim().is_empty() || too_long(begins) || begins.chars().any(char::is_control))
        {
            let detail = "give at least one letter of the username or family name, at most 255, and nothing that cannot be \
                          printed";
            return Err(Problem::invalid("accounts.begins", "q", detail));
        }
        match looking.account.as_deref() {
            Some(name) if too_long(name) => {
                let detail = "a name has at most 255 characters";
                return Err(Problem::invalid("selection.bad_entry", "account", detail));
            }
            Some("") => {
                let detail = "a blank name means nobody; leave it out, or give an id, username or roster id";
                return Err(Problem::invalid("selection.blank_entry", "account", detail));
            }
            Some(_) | None => {}
        }
        let ledger = self.ledger.as_ref();
        let filtered = Selection { scope: Scope::All, accounts: Vec::new(), narrowed: looking.narrowed };
        selection::known(ledger, actor.district, "where", &filtered).await?;
        let only = match looking.account {
            None => None,
            Some(name) => match ledger.resolve_accounts(actor.district, &[name]).await?.found.first() {
                Some(account) => Some(*account),
                None => return Ok(AccountPage::default()),
            },
        };
        let begins = looking.begins.map(|begins| begins.trim().to_owned());
        let filter = AccountFilter { narrowed: filtered.narrowed, begins, only };
        Ok(ledger.search(actor, &filter, after, limit).await?)
    }

    /// Marks an account of the own district; the audit keeps what changed.
    ///
    /// # Errors
    /// `role.forbidden` for everybody but district administrators; `accounts.nothing_to_change`; `accounts.provider`;
    /// `accounts.managed_by_roster`; not found.
    pub async fn mark(&self, actor: &Actor, account: AccountId, marks: Marks) -> Result<AccountView, Problem> {
        if actor.role != Role::DistrictAdmin {
            return Err(forbidden(actor, "only district administrators mark accounts"));
        }
        if marks == Marks::default() {
            let detail = "nothing was said; give `protected`, `quick_login` or `managed_by`";
            return Err(Problem::new(ProblemKind::Invalid, "accounts.nothing_to_change", detail));
        }
        if let Some(Managed::By(provider)) = &marks.managed
            && (provider.trim() != provider
                || !(1..=MAX_PROVIDER).contains(&provider.chars().count())
                || provider.chars().any(char::is_control))
        {
            let detail = "a provider has a name of 1 to 100 characters that can be printed, without space around it, such as \
                          clever; null takes it back";
            return Err(Problem::invalid("accounts.provider", "managed_by", detail));
        }
        match self.ledger.mark(actor, account, marks).await?.ok_or_else(|| Problem::not_found("account"))? {
            Marked::Now(account) => Ok(*account),
            Marked::ByRoster(provider) => {
                let detail = format!(
                    "the roster says that `{provider}` manages this account; change it in the roster and import that again"
                );
                let refused = Problem::new(ProblemKind::Conflict, "accounts.managed_by_roster", detail);
                Err(Problem { field: Some("managed_by".to_owned()), ..refused })
            }
        }
    }
}

/// Longer than any name is.
fn too_long(name: &str) -> bool {
    name.chars().count() > rules::MAX_NAME
}

fn may_look(actor: &Actor) -> Result<(), Problem> {
    match actor.role {
        Role::DistrictAdmin => Ok(()),
        Role::Principal | Role::Teacher if actor.person.is_some() => Ok(()),
        Role::Principal | Role::Teacher | Role::Operator | Role::Application => {
            Err(forbidden(actor, "accounts are shown to administrators, principals and teachers"))
        }
    }
}

fn forbidden(actor: &Actor, why: &str) -> Problem {
    let detail = format!("{why}; the role here is `{}`", actor.role);
    Problem::new(ProblemKind::Forbidden, "role.forbidden", detail)
}
