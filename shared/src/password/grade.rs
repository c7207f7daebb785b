//! Grades as rosters write them.

/// The one way to write a grade: `02`, `2` and ` 2 ` are the same, and so are `K` and `KG`.
#[must_use]
pub fn grade_key(grade: &str) -> String {
    let key = grade.trim().to_ascii_uppercase();
    let number = key.trim_start_matches('0');
    match number {
        "" if key.is_empty() => String::new(),
        "" | "K" => "KG".to_owned(),
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_grade_has_one_key() {
        for (grade, key) in [("02", "2"), (" 2 ", "2"), ("k", "KG"), ("KG", "KG"), ("00", "KG"), ("", ""), ("12", "12")]
        {
            assert_eq!(grade_key(grade), key, "{grade:?}");
        }
    }
}
