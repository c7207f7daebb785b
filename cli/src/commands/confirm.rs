//! Before passwords change: the precautions, and the question. Nobody acknowledges a text that they were not shown:
//! scripts name the version that their author has read, and stop when it is no longer the present one.

use anyhow::Result;

use crate::args::Confirmed;
use crate::desk::shapes::Precautions;
use crate::desk::{Desk, read};
use crate::outcome::Exit;
use crate::output::{ask_or, complain, folded};

/// The version of the precautions that a request will name.
pub(super) struct Acknowledgement {
    precautions: Precautions,
    /// The version that the caller says they have read.
    read: Option<String>,
    yes: bool,
}

impl Acknowledgement {
    /// Looks at the precautions; refuses `--yes` without a version.
    pub(super) async fn of(desk: &Desk, confirmed: &Confirmed, in_request: bool) -> Result<Self> {
        if confirmed.yes && confirmed.acknowledge.is_none() && !in_request {
            return Err(without_version());
        }
        let precautions = read(&desk.get("/v1/precautions").await?)?;
        Ok(Self { precautions, read: confirmed.acknowledge.clone(), yes: confirmed.yes })
    }

    /// The version for the request.
    pub(super) fn version(&self) -> &str {
        self.read.as_deref().unwrap_or(&self.precautions.version)
    }

    /// Shows the precautions to whoever has not read them, and asks. Whether the answer is yes.
    pub(super) fn confirm(&self, question: &str) -> bool {
        if self.yes {
            return true;
        }
        let version = &self.precautions.version;
        let instead = format!("--yes --acknowledge {version}, once you have read `keybell precautions`");
        if self.read.is_none() {
            complain(&format!("\n{}\n(version {version})\n", folded(self.precautions.text.trim_end())));
        }
        let yes = ask_or(question, &instead);
        if !yes {
            complain("nothing was changed");
        }
        yes
    }
}

fn without_version() -> anyhow::Error {
    Exit::Usage.because(
        "--yes starts without showing the precautions: read them (`keybell precautions`), and say which version you have \
         read with --acknowledge VERSION",
    )
}
