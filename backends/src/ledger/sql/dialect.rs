//! Where PostgreSQL and SQLite differ: the markers that statements may hold, and what becomes of them.
//!
//! | marker | PostgreSQL | SQLite |
//! |---|---|---|
//! | `{now}` | the statement's time in milliseconds | the same |
//! | `{lock}` | `FOR NO KEY UPDATE` | nothing: the transaction is the only writer |
//! | `{lock i}` | `FOR NO KEY UPDATE OF i` | nothing |
//! | `{skip}` | `FOR NO KEY UPDATE SKIP LOCKED` | nothing |
//! | `{in $1 bigint}` | `= ANY (…)` over a JSON array | `IN (…)` over a JSON array |
//! | `{rows $1: a bigint, b text}` | a row source with these columns, from a JSON array of objects | the same |
//! | `{table $1: a bigint, b text}` | a row source with these columns, from an array for each, see [`super::table`] | from a JSON array of arrays |
//! | `{list $1: a bigint, b text}` | the same, where nothing is looked up: there is no plan to get wrong | the same |
//! | `{among $1 uuid}` | `= ANY (…)` over the only column of such rows | `IN (…)` |
//! | `{any $1 uuid}` | `= ANY (…)` over an array | `IN (…)` over a JSON array |
//! | `{pg …}` / `{lite …}` | the text / nothing | nothing / the text |

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// Which database a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// Translated statements, by the address of their text: each is translated once.
#[derive(Debug, Default, Clone)]
pub(crate) struct Translations(Arc<RwLock<HashMap<(usize, usize), SqlStr>>>);

impl Translations {
    /// The statement for this database.
    pub(crate) fn get(&self, dialect: Dialect, statement: &'static str) -> SqlStr {
        let key = (statement.as_ptr() as usize, statement.len());
        if let Ok(known) = self.0.read()
            && let Some(sql) = known.get(&key)
        {
            return sql.clone();
        }
        // Safe: the text is a constant of this crate, and markers hold nothing but parts of it.
        let sql = AssertSqlSafe(translate(dialect, statement)).into_sql_str();
        if let Ok(mut known) = self.0.write() {
            known.insert(key, sql.clone());
        }
        sql
    }
}

impl Translations {
    /// The statement behind a word that asks for its plan.
    #[expect(clippy::unused_self, reason = "plans are asked for by tests only and are not kept")]
    pub(crate) fn explained(&self, dialect: Dialect, word: &str, statement: &str) -> SqlStr {
        // Safe for the same reason.
        AssertSqlSafe(format!("{word} {}", translate(dialect, statement))).into_sql_str()
    }
}

/// The highest number of an argument in a statement.
fn highest(statement: &str) -> usize {
    let number = |text: &str| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| text.get(..end).unwrap_or_default());
        digits.parse().unwrap_or(0)
    };
    statement.split('$').skip(1).map(number).max().unwrap_or(0)
}

/// The statement in the words of this database.
pub(super) fn translate(dialect: Dialect, statement: &str) -> String {
    let mut out = String::with_capacity(statement.len() + 128);
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (marker, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(&expand(dialect, marker, statement));
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn expand(dialect: Dialect, marker: &str, statement: &str) -> String {
    let (word, rest) = marker.split_once(' ').unwrap_or((marker, ""));
    match (word, dialect) {
        ("now", Dialect::Postgres) => "(EXTRACT(EPOCH FROM statement_timestamp()) * 1000)::bigint".to_owned(),
        ("now", Dialect::Sqlite) => "CAST(unixepoch('subsec') * 1000 AS INTEGER)".to_owned(),
        ("lock", Dialect::Postgres) if rest.is_empty() => "FOR NO KEY UPDATE".to_owned(),
        ("lock", Dialect::Postgres) => format!("FOR NO KEY UPDATE OF {rest}"),
        ("skip", Dialect::Postgres) => "FOR NO KEY UPDATE SKIP LOCKED".to_owned(),
        ("pg", Dialect::Postgres) | ("lite", Dialect::Sqlite) => rest.to_owned(),
        ("in", _) => {
            let (argument, kind) = rest.split_once(' ').unwrap_or((rest, "text"));
            match dialect {
                Dialect::Postgres => {
                    format!("= ANY (ARRAY(SELECT value::{kind} FROM jsonb_array_elements_text({argument}::jsonb)))")
                }
                Dialect::Sqlite => format!("IN (SELECT value FROM json_each({argument}))"),
            }
        }
        ("rows", _) => rows(dialect, rest),
        ("table", _) => table(dialect, rest, highest(statement), true),
        ("list", _) => table(dialect, rest, highest(statement), false),
        ("any", _) => {
            let (argument, kind) = rest.split_once(' ').unwrap_or((rest, "text"));
            match dialect {
                Dialect::Postgres => format!("= ANY ({argument}::{kind}[])"),
                Dialect::Sqlite => format!("IN (SELECT value FROM json_each({argument}))"),
            }
        }
        ("among", _) => {
            let (argument, kind) = rest.split_once(' ').unwrap_or((rest, "text"));
            match dialect {
                Dialect::Postgres => format!("= ANY ({argument}::{kind}[])"),
                Dialect::Sqlite => format!("IN (SELECT json_extract(value, '$[0]') FROM json_each({argument}))"),
            }
        }
        _ => String::new(),
    }
}

fn rows(dialect: Dialect, spec: &str) -> String {
    let (argument, columns) = spec.split_once(':').unwrap_or((spec, ""));
    let columns = columns.trim();
    match dialect {
        Dialect::Postgres => {
            let always = always(columns.split_whitespace().next().unwrap_or_default());
            format!("(SELECT * FROM jsonb_to_recordset({argument}::jsonb) AS r({columns}) WHERE {always})")
        }
        Dialect::Sqlite => {
            let picks: Vec<String> = columns
                .split(',')
                .filter_map(|column| column.split_whitespace().next())
                .map(|name| format!("json_extract(value, '$.{name}') AS {name}"))
                .collect();
            format!("(SELECT {} FROM json_each({argument}))", picks.join(", "))
        }
    }
}

/// PostgreSQL takes such a list for 100 rows, finds that many lookups dear, and rather walks through all rows of a state to
/// look for those of the list. A condition that always holds, and that it thinks rare, makes it start from the list.
fn always(first: &str) -> String {
    format!("coalesce(r.{first}::text, '') = coalesce(r.{first}::text, '') || ''")
}

/// A row source whose first column is the argument, and whose others are the arguments after all that the statement names.
fn table(dialect: Dialect, spec: &str, highest: usize, leads: bool) -> String {
    let (argument, columns) = spec.split_once(':').unwrap_or((spec, ""));
    let columns = columns.split(',').filter_map(|column| column.trim().split_once(' '));
    let (mut names, mut parts) = (Vec::new(), Vec::new());
    for (place, (name, kind)) in columns.enumerate() {
        names.push(name);
        parts.push(match (dialect, place) {
            (Dialect::Postgres, 0) => format!("{argument}::{kind}[]"),
            (Dialect::Postgres, _) => format!("${}::{kind}[]", highest + place),
            (Dialect::Sqlite, _) => format!("json_extract(value, '$[{place}]') AS {name}"),
        });
    }
    let columns: Vec<String> =
        parts.iter().zip(&names).map(|(part, name)| format!("unnest({part}) AS {name}")).collect();
    let columns = columns.join(", ");
    let (first, names, parts) = (names.first().copied().unwrap_or_default(), names.join(", "), parts.join(", "));
    match dialect {
        Dialect::Postgres if leads => format!("(SELECT * FROM unnest({parts}) AS r({names}) WHERE {})", always(first)),
        // Among the columns, and not as `FROM unnest(…)`, which first puts each column by for all rows.
        Dialect::Postgres => format!("(SELECT {columns})"),
        Dialect::Sqlite => format!("(SELECT {parts} FROM json_each({argument}))"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_become_each_databases_own_words() {
        let statement = "SELECT id FROM items WHERE id {in $1 bigint} AND due <= {now} {lock}";
        assert_eq!(
            translate(Dialect::Sqlite, statement),
            "SELECT id FROM items WHERE id IN (SELECT value FROM json_each($1)) AND due <= \
             CAST(unixepoch('subsec') * 1000 AS INTEGER) "
        );
        assert!(translate(Dialect::Postgres, statement).ends_with("FOR NO KEY UPDATE"));
        assert_eq!(
            translate(Dialect::Sqlite, "SELECT * FROM {rows $2: a bigint, b text} AS x"),
            "SELECT * FROM (SELECT json_extract(value, '$.a') AS a, json_extract(value, '$.b') AS b FROM \
             json_each($2)) AS x"
        );
    }

    #[test]
    fn the_columns_of_a_table_are_arguments_after_all_others() {
        let statement = "SELECT $2, x.* FROM {table $1: a uuid, b text, c bigint} AS x WHERE x.a = $3";
        assert!(
            translate(Dialect::Postgres, statement)
                .contains("unnest($1::uuid[], $4::text[], $5::bigint[]) AS r(a, b, c)")
        );
        assert!(translate(Dialect::Sqlite, statement).contains("json_extract(value, '$[2]') AS c FROM json_each($1)"));
        let statement = "SELECT $2, x.* FROM {list $1: a uuid, b text} AS x";
        let columns = "FROM (SELECT unnest($1::uuid[]) AS a, unnest($3::text[]) AS b) AS x";
        assert!(translate(Dialect::Postgres, statement).ends_with(columns));
    }
}
