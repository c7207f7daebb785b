//! Which tasks a caller sees. What they do not see does not exist for them: 404, as for another district's.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::TaskView;
use keybell_shared::problem::Problem;

use crate::parts::Api;
use crate::refusal::Refusal;

/// The task in the path. Anything but a UUID in its usual form names no task.
pub(crate) struct TaskPath(pub(crate) TaskId);

impl FromRequestParts<Api> for TaskPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let text = Path::<String>::from_request_parts(parts, api).await.ok();
        text.and_then(|Path(text)| read(&text)).map(Self).ok_or_else(|| Problem::not_found("task").into())
    }
}

/// One task has one address: braces, capitals and other spellings of a UUID are not it.
fn read(text: &str) -> Option<TaskId> {
    text.parse::<TaskId>().ok().filter(|id| id.to_string() == text)
}

/// The requester whose tasks alone the caller sees; `None` for all of the district.
///
/// Administrators and principals control the tasks of the whole district and operators watch them; applications and
/// teachers see what they asked for themselves.
pub(super) fn only_of(actor: &Actor) -> Option<&str> {
    match actor.role {
        Role::DistrictAdmin | Role::Principal | Role::Operator => None,
        Role::Teacher | Role::Application => Some(&actor.name),
    }
}

/// The task, if there is one that the caller sees.
pub(super) async fn visible(api: &Api, actor: &Actor, task: TaskId) -> Result<TaskView, Refusal> {
    let found = api.ledger.task(actor.district, task).await?;
    found
        .filter(|task| only_of(actor).is_none_or(|name| task.requester == name))
        .ok_or_else(|| Problem::not_found("task").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_has_one_address() {
        let id = TaskId::fresh();
        assert_eq!(read(&id.to_string()), Some(id));
        for other in [
            id.to_string().to_uppercase(),
            format!("{{{id}}}"),
            format!("urn:uuid:{id}"),
            id.0.simple().to_string(),
            "../x".to_owned(),
            "\0".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(&other), None, "{other}");
        }
    }
}
