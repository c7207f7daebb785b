//! Lists that a server gives page by page.

use anyhow::Result;
use serde_json::Value;

use super::task::listed;
use crate::desk::Desk;

/// The largest page that a server gives.
const PAGE: u32 = 200;

/// The `items` of a list, `limit` of them or all, and the cursor of what comes after them. `filter` is a part of the query
/// that begins with `&`, or nothing.
pub(super) async fn items(
    desk: &Desk,
    path: &str,
    filter: &str,
    limit: Option<u32>,
    after: Option<String>,
) -> Result<(Vec<Value>, Option<String>)> {
    let mut items: Vec<Value> = Vec::new();
    let mut next = after;
    loop {
        let have = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let rest = limit.map_or(PAGE, |limit| limit.saturating_sub(have)).min(PAGE);
        let cursor = next.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        let page = desk.get(&format!("{path}?limit={rest}{filter}{cursor}")).await?;
        let more: Vec<Value> = listed(&page, "items")?;
        items.extend(more);
        next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || limit.is_some_and(|limit| items.len() >= limit as usize) {
            return Ok((items, next));
        }
    }
}
