//! Uploads: the accounts by their usernames.

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::codes::Code;
use keybell_shared::fold::username_key;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::notice::Ways;
use keybell_shared::ports::ledger::{LedgerResult, Meant, MeantAccount, UploadLedger};

use super::ledger::FakeLedger;

#[async_trait]
impl UploadLedger for FakeLedger {
    async fn meant(
        &self,
        _: &Actor,
        rows: &[Meant],
        must_reach: Option<Ways>,
    ) -> LedgerResult<Vec<Option<MeantAccount>>> {
        let state = self.up()?;
        let find = |row: &Meant| {
            let is_meant = |name: &str, id: AccountId| {
                row.account.is_none_or(|account| account == id)
                    && (row.username.is_empty() || username_key(&row.username) == username_key(name))
            };
            let (name, id) = state.names.iter().find(|(name, id)| is_meant(name, **id))?;
            Some(MeantAccount {
                id: *id,
                username: name.clone(),
                // Nobody of the fake has a telephone.
                code: state.left.get(name).copied().or(must_reach.filter(|ways| !ways.email).map(|_| Code::S10)),
                forbidden: vec![name.clone(), "Larkspur".to_owned()],
                version: state.password_version,
            })
        };
        Ok(rows.iter().map(find).collect())
    }

    async fn name_owners(&self, _: DistrictId, names: &[String]) -> LedgerResult<Vec<(String, AccountId)>> {
        let state = self.up()?;
        let keys: Vec<String> = names.iter().map(|name| username_key(name)).collect();
        let owned = state.names.iter().map(|(name, id)| (username_key(name), *id));
        Ok(owned.filter(|(key, _)| keys.contains(key)).collect())
    }
}
