//! Every problem code that the API answers, with what it means. The tests fail when an answer has a code that is not
//! here, or one that its operation does not list.

/// The codes that operations share.
pub(crate) mod groups {
    /// Any operation: what the edge refuses, and defects.
    pub(crate) const ALWAYS: &[(u16, &str)] = &[
        (400, "authorization.repeated host.repeated request.invalid"),
        (408, "request.timeout"),
        (431, "headers.too_large"),
        (500, "internal"),
    ];
    /// Operations with a key.
    pub(crate) const KEYED: &[(u16, &str)] =
        &[(401, "key.invalid"), (429, "rate.limited key.throttled"), (503, "ledger.unavailable")];
    /// Operations with a body.
    pub(crate) const BODY: &[(u16, &str)] = &[
        (
            400,
            "body.broken body.length body.invalid body.not_utf8 json.malformed json.duplicate_key json.nul_character",
        ),
        (400, "field.unknown field.missing field.invalid"),
        (413, "body.too_large"),
        (415, "body.media_type body.encoding"),
    ];
    /// Operations without a body.
    pub(crate) const NO_BODY: &[(u16, &str)] = &[(400, "body.unexpected")];
    /// Operations with a query, and those with a key, which refuse any other.
    pub(crate) const QUERY: &[(u16, &str)] = &[(400, "query.invalid")];
    /// Operations on a thing with an id.
    pub(crate) const PATH: &[(u16, &str)] = &[(404, "not_found")];
}

/// Each code and its meaning.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("acknowledgement.missing", "The version of the precautions that was read is missing"),
    ("acknowledgement.outdated", "The precautions have changed since; read them again"),
    ("authorization.repeated", "There is more than one `Authorization` header"),
    ("body.broken", "The body ended early or is badly framed"),
    ("body.encoding", "The body is compressed; send it as it is"),
    ("body.invalid", "The body is empty or no JSON object"),
    ("body.length", "`Content-Length` is no number of bytes"),
    ("body.media_type", "The body is not sent as `application/json` in UTF-8"),
    ("body.not_utf8", "The body is not UTF-8"),
    ("body.too_large", "The body is larger than this operation reads"),
    ("body.unexpected", "The operation takes no body"),
    ("district.unknown", "The district of the key does not exist any more"),
    ("export.failed", "The file could not be made; the log says more"),
    ("export.too_large", "There are more rows than an XLSX sheet can hold; take the CSV file"),
    ("field.control_character", "A name has a character that cannot be printed"),
    ("field.invalid", "The value of a field does not fit; `field` says which, but for sign-ins"),
    ("field.missing", "A needed field is missing; `field` says which"),
    ("field.unknown", "There is no such field; `field` says which, but for sign-ins"),
    ("headers.too_large", "The headers have more than 32 KiB"),
    ("host.repeated", "There is more than one `Host` header"),
    ("idempotency.malformed", "The `Idempotency-Key` is too long or not printable ASCII"),
    ("idempotency.mismatch", "The `Idempotency-Key` was used for another request"),
    ("idempotency.missing", "The `Idempotency-Key` header is missing"),
    ("idempotency.repeated", "There is more than one `Idempotency-Key` header"),
    ("internal", "A defect of Keybell; the log says more"),
    ("json.duplicate_key", "A key stands twice in one object"),
    ("json.malformed", "The body is not JSON; the detail has line and column"),
    ("json.nul_character", "A NUL character cannot be stored"),
    ("key.invalid", "The API key is missing, malformed, unknown or revoked"),
    ("key.name", "A name of a key has 1 to 100 characters that can be printed"),
    ("key.name_reserved", "Names that begin with `amqp:` are those of AMQP producers"),
    ("key.name_taken", "Another valid key of the district has this name"),
    ("key.own", "The key of this request cannot revoke itself"),
    ("key.person_missing", "A key of this role needs the username of its person"),
    ("key.person_unknown", "There is no such account in the district"),
    ("key.throttled", "Too many wrong keys from this address; wait before the next try"),
    ("keys.reset_missing", "Shared passwords cannot be sealed: an operator must look at the key folder"),
    ("keys.reset_unusable", "Shared passwords cannot be sealed: an operator must look at the key folder"),
    ("ledger.unavailable", "The database cannot be reached right now; repeat the same request later"),
    ("not_found", "There is no such thing in the district, or it is not yours to see"),
    ("notify.nobody_would_know", "Generated passwords that nobody is told lock everybody out"),
    ("password.blank", "A shared password is missing or blank"),
    ("password.changed_meanwhile", "The password was changed by somebody else in between"),
    ("password.common", "The password is on the list of common ones"),
    ("password.control_character", "The password has a character that cannot be typed"),
    ("password.expired", "The temporary password has expired; ask for a new one"),
    ("password.expiry_out_of_range", "The expiry is not 1 to 8760 hours"),
    ("password.expiry_without_temporary", "A permanent password does not expire"),
    ("password.no_capital", "The password has no capital letter"),
    ("password.no_digit", "The password has no digit"),
    ("password.no_lower_case", "The password has no lower-case letter"),
    ("password.personal", "The password holds the username or the name of the school or district"),
    ("password.shared_expiry_too_long", "A password shared by more than 25 accounts expires within 24 hours"),
    ("password.shared_must_be_temporary", "A password shared by more than 25 accounts must be temporary"),
    ("password.shared_unacknowledged", "A password shared by more than 25 accounts needs its own acknowledgement"),
    ("password.too_long", "The password is too long"),
    ("password.too_short", "The password is too short"),
    ("password.unchanged", "The new password is the old one"),
    ("query.cursor", "This is no cursor of this list; take `next` of the page before"),
    ("query.invalid", "A parameter of the query is unknown, repeated or cannot be read"),
    ("query.limit", "`limit` is no whole number from 1 on"),
    ("query.state", "There is no such state"),
    ("queue.unavailable", "The queues cannot be asked right now; try again later"),
    ("rate.limited", "The key makes requests faster than it may; wait as `Retry-After` says"),
    ("reissue.empty", "An empty list means nobody; leave it out for the default"),
    ("reissue.items_or_accounts", "Name states or accounts, not both"),
    ("reissue.nobody", "The task has no item in these states"),
    ("reissue.not_final", "Only items that have ended can be taken up again"),
    ("reissue.not_in_task", "Some of the accounts have no ended item in the task"),
    ("reissue.password_needed", "The earlier task had a shared password, which is not kept; give one again"),
    ("reissue.unknown_accounts", "Accounts are unknown in the district; `entries` lists all of them"),
    ("request.invalid", "The request cannot be read"),
    ("request.timeout", "The request took too long; send it again"),
    ("resend.empty", "An empty list means nobody; leave it out for the default"),
    ("resend.items_or_accounts", "Name states or accounts, not both"),
    ("resend.only_undelivered", "Only undelivered items can be told again; a re-issue sets new passwords"),
    ("resend.unknown_accounts", "Accounts are unknown in the district; `entries` lists all of them"),
    ("role.forbidden", "The role of the key may not do this"),
    ("role.may_not_control", "The role of the key may watch tasks but not control them"),
    ("role.may_not_reset", "The role of the key may not reset passwords"),
    ("role.needs_person", "The role of the key reaches its own school or classes only, and the key names no person"),
    ("selection.bad_entry", "A name is longer than 255 characters or cannot be printed"),
    ("selection.blank_entry", "A name is blank"),
    ("selection.empty", "The scope needs a list of accounts"),
    ("selection.empty_filter", "An empty list in `where` means nobody; leave it out"),
    ("selection.nobody", "The selection means nobody"),
    ("selection.too_many", "A list has more names than are read at once"),
    ("selection.unexpected_accounts", "The scope takes no list of accounts"),
    ("selection.unexpected_where", "Named accounts are not narrowed further"),
    ("selection.unknown_accounts", "Accounts are unknown in the district; `entries` lists all of them"),
    ("selection.unknown_names", "Nobody has these schools, classes, grades or types; `entries` lists all of them"),
    ("sign_in.busy", "Too many sign-ins are being checked at once; try again in a moment"),
    ("sign_in.forbidden", "The role of the key may not check sign-ins"),
    ("sign_in.refused", "The username or the password is wrong, or the account cannot sign in here"),
    ("sign_in.throttled", "Too many wrong passwords; wait before the next try"),
    ("task.ended", "The task has ended, and this cannot be done with it any more"),
    ("version.unsupported", "This Keybell understands version 1 only"),
    ("webhook.disabled", "The webhook is disabled; enable it first"),
    ("webhook.events", "There are no event patterns, too many, or one that cannot be read"),
    ("webhook.no_key", "No secret can be made: an operator must look at the key folder"),
    ("webhook.rotating", "The last rotation is not over; wait until `previous_secret_until`"),
    ("webhook.too_many", "The district has as many webhooks as it may have"),
    ("webhook.url", "The URL is not public `https`, or cannot be read"),
];

/// What a code means.
pub(crate) fn meaning(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}
