//! An account as the API shows it: never a password, never a contact.

use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::AccountView;
use serde::Serialize;
use utoipa::ToSchema;

/// An account of the district.
#[derive(Serialize, ToSchema)]
pub(crate) struct Account {
    id: AccountId,
    /// The roster's id.
    roster_id: String,
    /// The sign-in name, as the roster writes it.
    username: String,
    /// Given name.
    given_name: String,
    /// Family name.
    family_name: String,
    /// The most privileged roster role.
    role: String,
    /// The grade: `KG`, `01` … `12` as in OneRoster, however the roster writes it.
    #[schema(required = true)]
    grade: Option<String>,
    /// The year in which the person leaves school.
    #[schema(required = true)]
    graduation_year: Option<i32>,
    /// The name of the first school.
    #[schema(required = true)]
    school: Option<String>,
    /// The outside identity provider that manages the account; its password is never reset here.
    #[schema(required = true)]
    managed_by: Option<String>,
    /// Whether it is active; others are not reset.
    active: bool,
    /// Whether it is left out of resets unless that is confirmed.
    protected: bool,
    /// Whether it never registered a password, and so has none to reset.
    quick_login: bool,
}

impl From<AccountView> for Account {
    fn from(account: AccountView) -> Self {
        Self {
            id: account.id,
            roster_id: account.source_id,
            username: account.username,
            given_name: account.given_name,
            family_name: account.family_name,
            role: account.role,
            grade: account.grade,
            graduation_year: account.graduation_year,
            school: account.school,
            managed_by: account.managed_by,
            active: account.active,
            protected: account.protected,
            quick_login: account.quick_login,
        }
    }
}
