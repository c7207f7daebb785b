//! The words of the document.

pub(super) const ABOUT: &str = "\
Upstream applications ask for bulk password resets by publishing requests, hear the answer to each of their own \
requests, and listen to what happens in their district. Names begin with the configured prefix (`broker.prefix`), here \
`keybell`. Which permissions a broker user needs is in docs/amqp.md.";

pub(super) const REQUESTS: &str = "\
Publish here, with the routing key `request`, `mandatory`, and publisher confirms. The broker checks that `user_id` is \
the user that publishes. `user_id` and `message_id` together make a repetition recognisable: the same message sent \
again is the same task. A request of nobody (no `user_id`, or a user that is no producer) is dropped without an answer.";

pub(super) const ANSWERS: &str = "\
One answer for every request, at least once, committed together with the acceptance or refusal. Bind your own queue \
with `*.request.*.YOUR-USER` (or the district's id instead of the first `*`). `correlation_id` is the request's \
`message_id`; `message_id` is the event's id, which tells a repetition of the answer.";

pub(super) const EVENTS: &str = "\
What happens in a district, at least once. `message_id` is the event's id: who has seen it ignores a repetition. Bodies \
hold ids, counts and codes, never names, addresses or passwords; a username only where an upload changed it. New kinds \
and new fields may come; ignore what you do not know.";
