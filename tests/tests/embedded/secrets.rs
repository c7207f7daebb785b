//! No password in clear in what Keybell leaves on disk or says, but for the messages themselves.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

use keybell_tests::outbox;
use keybell_tests::program::{Ended, Program};
use keybell_tests::relay;
use serde_json::Value;

use crate::school::School;
