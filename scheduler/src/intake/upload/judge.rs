//! What is said of each row: who is meant, whether that may be, and whether the new password and username may be had.

use std::collections::{HashMap, HashSet};

use keybell_shared::actor::Actor;
use keybell_shared::codes::Code;
use keybell_shared::fold::username_key;
use keybell_shared::ids::AccountId;
use keybell_shared::password::{self, Names, PolicyError, is_blank, name_parts};
use keybell_shared::ports::ledger::{Ledger, Meant, MeantAccount};
use keybell_shared::problem::Problem;
use keybell_shared::request::{PolicyName, ResetRequest};
use keybell_shared::unseen::is_unseen;
use keybell_shared::upload::{Judged, MIN_USERNAME, UploadRow};
use secrecy::ExposeSecret as _;
use sha2::{Digest, Sha256};

use super::refusals;
use crate::intake::rules::MAX_NAME;

/// Rows that are judged without letting others have their turn.
const TURN: usize = 256;

/// What was found out about a row.
pub(super) struct Finding {
    pub(super) judged: Judged,
    /// Whom it means.
    pub(super) account: Option<MeantAccount>,
}

impl Finding {
    /// The account of a row that can be done.
    pub(super) fn good(&self) -> Option<AccountId> {
        self.account.as_ref().filter(|_| self.judged.code == Code::OK).map(|account| account.id)
    }
}

/// Judges every row, as the district is now.
pub(super) async fn judge(
    ledger: &dyn Ledger,
    actor: &Actor,
    rows: &[UploadRow],
    request: &ResetRequest,
) -> Result<Vec<Finding>, Problem> {
    let readable: Vec<(usize, Meant)> =
        rows.iter().enumerate().filter_map(|(at, row)| Some((at, whom(row).ok()?))).collect();
    let (places, asked): (Vec<usize>, Vec<Meant>) = readable.into_iter().unzip();
    let found = ledger.meant(actor, &asked, request.must_reach()).await?;
    let mut accounts: Vec<Option<MeantAccount>> = vec![None; rows.len()];
    for (place, account) in places.into_iter().zip(found) {
        if let Some(slot) = accounts.get_mut(place) {
            *slot = account;
        }
    }
    let wanted: HashSet<&String> = rows.iter().map(|row| &row.new_username).filter(|name| !name.is_empty()).collect();
    let wanted: Vec<String> = wanted.into_iter().cloned().collect();
    let mut owners: HashMap<String, Vec<AccountId>> = HashMap::new();
    for (key, owner) in ledger.name_owners(actor.district, &wanted).await? {
        owners.entry(key).or_default().push(owner);
    }
    let mut judge = Judge { policy: request.policy, owners, seen: HashMap::new(), taken: HashMap::new() };
    let mut findings = Vec::with_capacity(rows.len());
    for (row, account) in rows.iter().zip(accounts) {
        findings.push(judge.row(row, account));
        if findings.len().is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }
    Ok(findings)
}

/// A code and what to say with it.
type Wrong = (Code, String);

/// Whom a row means, as it stands there.
fn whom(row: &UploadRow) -> Result<Meant, Wrong> {
    if let Some(flaw) = &row.flaw {
        return Err((flaw.code, flaw.detail.clone()));
    }
    let account = match row.account.as_str() {
        "" if row.username.is_empty() => {
            return Err((Code::E12, "neither `Account` nor `Username` says whom the row is about".to_owned()));
        }
        "" => None,
        text => Some(text.to_ascii_lowercase().parse().map_err(|_| {
            (Code::E03, "`Account` is no account's id; copy it from an export, or leave the cell empty".to_owned())
        })?),
    };
    Ok(Meant { account, username: row.username.clone() })
}

/// What is known while the rows are gone through.
struct Judge {
    policy: PolicyName,
    /// Who has the usernames that rows want, as username or as roster id.
    owners: HashMap<String, Vec<AccountId>>,
    /// On which line an account was first.
    seen: HashMap<AccountId, u64>,
    /// On which line a username was first wanted.
    taken: HashMap<String, u64>,
}

impl Judge {
    fn row(&mut self, row: &UploadRow, account: Option<MeantAccount>) -> Finding {
        let new_username = account.as_ref().and_then(|account| renamed(row, account));
        let (code, detail) = match self.look(row, account.as_ref(), new_username.as_deref()) {
            Ok(()) => (Code::OK, String::new()),
            Err(wrong) => wrong,
        };
        let username = account.as_ref().map_or(&row.username, |account| &account.username).clone();
        Finding { judged: Judged { line: row.line, username, new_username, code, detail }, account }
    }

    fn look(&mut self, row: &UploadRow, account: Option<&MeantAccount>, renamed: Option<&str>) -> Result<(), Wrong> {
        whom(row)?;
        let Some(account) = account else {
            let detail = if row.account.is_empty() || row.username.is_empty() {
                "nobody in your district has it".to_owned()
            } else {
                "nobody in your district has this id together with this username".to_owned()
            };
            return Err((Code::E03, detail));
        };
        if let Some(first) = self.seen.get(&account.id) {
            return Err((Code::E04, format!("line {first} is about the same account; remove one of them")));
        }
        self.seen.insert(account.id, row.line);
        if let Some(code) = account.code {
            return Err((code, code.meaning().to_owned()));
        }
        if is_blank(row.password.expose_secret()) {
            return Err((Code::E09, "`New password` is blank; write one, or remove the row".to_owned()));
        }
        if let Some(wanted) = renamed {
            self.username(row.line, wanted, account.id)?;
        }
        self.password(row, account, renamed)
    }

    /// A new username is long enough, plain, and nobody else's.
    fn username(&mut self, line: u64, wanted: &str, account: AccountId) -> Result<(), Wrong> {
        let length = wanted.chars().count();
        if length < MIN_USERNAME {
            return Err((Code::E05, format!("`New username` must have at least {MIN_USERNAME} characters")));
        }
        if length > MAX_NAME {
            return Err((Code::E05, format!("`New username` must have at most {MAX_NAME} characters")));
        }
        if wanted.chars().any(|c| c.is_control() || c.is_whitespace() || is_unseen(c)) {
            return Err((Code::E05, "`New username` must have no blanks, and nothing that cannot be seen".to_owned()));
        }
        if wanted.parse::<AccountId>().is_ok() {
            return Err((Code::E05, "`New username` must not look like the id of an account".to_owned()));
        }
        let key = username_key(wanted);
        if self.owners.get(&key).is_some_and(|owners| owners.iter().any(|owner| *owner != account)) {
            let detail = "another account has this as its username, whatever the case of its letters, or as its roster id; \
                          choose another one";
            return Err((Code::E06, detail.to_owned()));
        }
        if let Some(first) = self.taken.get(&key) {
            return Err((Code::E06, format!("line {first} wants the same username; choose another one")));
        }
        self.taken.insert(key, line);
        Ok(())
    }

    fn password(&self, row: &UploadRow, account: &MeantAccount, renamed: Option<&str>) -> Result<(), Wrong> {
        let names = Names::new(account.forbidden.iter().cloned().chain(name_parts(renamed, [])));
        password::check(self.policy, row.password.expose_secret(), &names).map_err(|rule| {
            let code = match rule {
                PolicyError::Common | PolicyError::Personal => Code::E08,
                PolicyError::Blank => Code::E09,
                PolicyError::TooShort(_)
                | PolicyError::TooLong
                | PolicyError::Control
                | PolicyError::NoCapital
                | PolicyError::NoLowerCase
                | PolicyError::NoDigit => Code::E07,
            };
            (code, rule.to_string())
        })
    }
}

/// The new username, if it is another one.
fn renamed(row: &UploadRow, account: &MeantAccount) -> Option<String> {
    Some(&row.new_username).filter(|wanted| !wanted.is_empty() && **wanted != account.username).cloned()
}

/// Refuses a file that gives very many accounts the same password: that is a shared one, which has rules of its own.
pub(super) fn few_alike(rows: &[UploadRow], findings: &[Finding], most: u64) -> Result<(), Problem> {
    let mut alike: HashMap<[u8; 32], u64> = HashMap::new();
    for (row, _) in rows.iter().zip(findings).filter(|(_, finding)| finding.good().is_some()) {
        let count = alike.entry(Sha256::digest(password::normalise(row.password.expose_secret())).into()).or_default();
        *count += 1;
    }
    match alike.values().max() {
        Some(largest) if *largest > most => Err(refusals::same_password(*largest, most)),
        _ => Ok(()),
    }
}
