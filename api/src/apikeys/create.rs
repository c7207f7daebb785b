//! `POST /v1/keys`: makes a key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keybell_shared::actor::Role;
use keybell_shared::ids::ApiKeyId;
use keybell_shared::ports::ledger::{KeyFate, NewKey};
use keybell_shared::problem::{Problem, ProblemKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use utoipa::ToSchema;

use super::administrator;
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::keys;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The largest body.
const MAX_BODY: usize = 16 * 1024;
/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// A key that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// A name for people, unlike that of every other valid key of the district: tasks belong to names.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\s\p{C}]([^\p{C}]*[^\s\p{C}])?$", example = "sis")]
    name: String,
    /// What its holder is.
    role: Role,
    /// The username of the person behind it; needed for `principal` and `teacher`, whose schools or classes bound it, and for
    /// every administrator who asks for what a second person must approve, or approves it. Their own account is left out of
    /// their resets, and the key ends with the account.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    person: Option<String>,
}

/// A new key. Its text is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewApiKey {
    id: ApiKeyId,
    /// The key itself. Keep it like a password; it cannot be shown again.
    #[schema(value_type = String, pattern = "^kb_[0-9a-f]{32}_[0-9a-f]{64}$")]
    #[serde(serialize_with = "shown")]
    key: SecretString,
    /// Its name.
    name: String,
    /// What its holder is.
    role: Role,
}

fn shown<S: Serializer>(key: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose_secret())
}

/// Make a key.
///
/// For the own district only. The answer shows the key once. Role: `district_admin`.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "createKey",
    tag = "Keys",
    request_body(
        content = KeyRequest, description = "Whose key",
        example = json!({ "name": "sis", "role": "application" }),
    ),
    responses(
        (status = 201, description = "The key, shown this once", body = NewApiKey, example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11",
            "key": "kb_019372f15b7a7c3e9d405a1e0c6b2f11_0000000000000000000000000000000000000000000000000000000000000000",
            "name": "sis", "role": "application"
        })),
        (status = 403, description = "role.forbidden"),
        (status = 409, description = "key.name_taken"),
        (status = 422, description = "key.name key.name_reserved key.person_missing key.person_unknown"),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(actor): Caller,
    JsonBytes(bytes): JsonBytes<MAX_BODY>,
) -> Result<(StatusCode, Json<NewApiKey>), Refusal> {
    administrator(&actor)?;
    let KeyRequest { name, role, person } = body::read(&bytes, || json!({ "name": "", "role": Role::Operator }))?;
    if name.trim() != name || name.chars().any(char::is_control) || !(1..=MAX_NAME).contains(&name.chars().count()) {
        let detail = "a name has 1 to 100 characters that can be printed, and no space around it";
        return Err(Problem::invalid("key.name", "name", detail).into());
    }
    if role.needs_person() && person.is_none() {
        let detail = format!("a key of the role `{role}` needs the username whose schools or classes bound it");
        return Err(Problem::invalid("key.person_missing", "person", detail).into());
    }
    if person.as_ref().is_some_and(|person| person.contains('\0')) {
        return Err(unknown_person().into());
    }
    let (id, key, secret_hash) = keys::mint();
    let (district, made_by) = (actor.district, actor.key);
    let new = NewKey { id, district, name: name.clone(), role, person, secret_hash, made_by };
    match api.ledger.add_key(new).await? {
        KeyFate::Added => {
            tracing::info!(%id, %role, by = ?actor.name, "API key made");
            Ok((StatusCode::CREATED, Json(NewApiKey { id, key, name, role })))
        }
        KeyFate::UnknownPerson => Err(unknown_person().into()),
        KeyFate::NameReserved => {
            let detail = "`console` is whoever sits at the machine, and names that begin with `amqp:` are those of AMQP \
                          producers (`keybell producer allow`); tasks belong to names, so choose another one";
            Err(Problem::invalid("key.name_reserved", "name", detail).into())
        }
        KeyFate::NameTaken => {
            let detail = "another valid key has this name, and tasks belong to names; choose another one";
            let taken = Problem::new(ProblemKind::Conflict, "key.name_taken", detail);
            Err(Problem { field: Some("name".to_owned()), ..taken }.into())
        }
    }
}

fn unknown_person() -> Problem {
    Problem::invalid("key.person_unknown", "person", "there is no such account in your district")
}
