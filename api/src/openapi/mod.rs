//! The description of the API (OpenAPI 3.1), generated from the handlers: each has its `#[utoipa::path(…)]`, and the
//! router that serves the routes collects them.
//!
//! A handler writes what is its own: summary and description (its doc comment), parameters, bodies, examples, and for
//! each error status of its own the codes, as words separated by spaces in the place of the description:
//! `(status = 409, description = "task.ended")`. [`complete`] adds what every operation shares and writes the codes out
//! from the [catalogue]. The tests check every answer that they get against the document.

pub(crate) mod catalogue;
mod complete;
mod names;
mod parts;
mod serve;

use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder};

pub(crate) use complete::complete;
pub(crate) use serve::{Document, routes};

/// The groups of operations, in the order of the page.
pub(crate) const TAGS: [(&str, &str); 10] = [
    (
        "Before",
        "What to know before a bulk reset: the precautions, the legend of codes, the formats of passwords, and a trial run.",
    ),
    ("Tasks", "Bulk resets: start, look at, list and follow them."),
    ("Uploads", "New passwords and usernames from a file: export, fill in, try out, start."),
    ("Control", "Pause, resume, cancel, tell again, take up again."),
    ("Reports", "Outcomes as files for people. Never with a password; formulas are neutralised."),
    ("Sign-in", "Checking and changing passwords, for upstream sign-in pages."),
    ("Webhooks", "Signed messages to upstream applications, at least once and in order per account."),
    ("Accounts", "The accounts of the own district: whom a filter means, and which are protected."),
    ("Keys", "API keys of the own district, for district administrators."),
    ("Service", "The service itself: its health, its load and its description."),
];

/// What stands above all operations.
const ABOUT: &str = include_str!("about.md");

/// The document without operations: title, servers, tags.
pub(crate) fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Keybell API")
        .version("1")
        .description(Some(ABOUT))
        .contact(Some(ContactBuilder::new().name(Some("The operators of this server")).build()))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    let server = ServerBuilder::new().url("/").description(Some("This server")).build();
    let tags = TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    OpenApiBuilder::new().info(info).servers(Some([server])).tags(Some(tags)).build()
}
