//! The header: missing, renamed, doubled, reordered and unknown columns.

use super::*;

/// What is said of a header in which something is exchanged.
fn faults(header: &str) -> Vec<(Code, &'static str, Option<String>)> {
    let error = read(format!("{header}\na1,Hunter2!\n").as_bytes()).expect_err("refused");
    assert!(!error.to_string().contains("Hunter2"), "{error}");
    error.columns().iter().map(|fault| (fault.code, fault.title, fault.found.clone())).collect()
}

fn titles() -> String {
    TITLES.join(",")
}

#[test]
fn all_missing_and_renamed_columns_are_told_at_once() {
    let found = |name: &str| Some(format!("`{name}`"));
    assert_eq!(
        faults("Account,Login,Given name,Family name,Role,Grade,New username,Password"),
        [
            (Code::E02, "Username", found("Login")),
            (Code::E01, "School", None),
            (Code::E02, "New password", found("Password")),
        ]
    );
    assert_eq!(
        faults(&titles().replace("Family name", "Famly name")),
        [(Code::E02, "Family name", found("Famly name"))]
    );
    assert_eq!(faults(&titles().replace("School", "Schule,Notes")), [(Code::E02, "School", found("Schule"))]);
    assert_eq!(faults(&titles().replace(",Grade", "")), [(Code::E01, "Grade", None)]);
    assert_eq!(faults(&titles().replace(",Grade", ",")), [(Code::E01, "Grade", None)], "a title that was taken away");
    assert_eq!(
        faults(&titles().replace("New password", "new_PASSWORD")),
        [(Code::E02, "New password", found("new_PASSWORD"))]
    );
    let error = refused(titles().replace("Role", "Rolle").replace(",Grade", "").as_bytes());
    assert_eq!(
        error,
        "the columns are not those of an export: E02 `Role` is missing, and the column `Rolle` stands for it; \
         call it `Role`; E01 `Grade` is missing"
    );
}

#[test]
fn a_column_that_is_there_twice_is_an_error() {
    let header = titles().replace("School", "School,GRADE ");
    assert_eq!(faults(&header), [(Code::E02, "Grade", Some("`GRADE`".to_owned()))]);
    assert!(refused(header.as_bytes()).ends_with("E02 `Grade` is there twice; remove one"));
}

#[test]
fn a_result_without_passwords_says_that_the_column_is_to_be_added() {
    let header: Vec<&str> = crate::export::result::COLUMNS.iter().map(|column| column.title).collect();
    let error = refused(format!("{}\n", header.join(",")).as_bytes());
    assert_eq!(
        error,
        "the columns are not those of an export: E01 `New password` is missing; no export and no result holds passwords: \
         add the column `New password`, and write them there"
    );
}

#[test]
fn order_case_and_spaces_of_titles_do_not_matter_and_unknown_columns_are_ignored() {
    let text = "Line;status;NEW PASSWORD; Account ;Username;given name;Family name;Role;Grade;School;New username;Shoe;;Meaning;\n\
                2;OK;Secret1!;a1;ann;Ann;Brown;student;3;North;anna12;38;x;fine;\n";
    let file = read(text.as_bytes()).expect("read");
    assert_eq!(told(&file), [["a1", "ann", "Ann", "North", "anna12", "Secret1!"].map(str::to_owned)]);
    assert_eq!(
        file.warnings,
        [
            "the columns are in another order than the export's; they were found by their titles",
            "the column `Shoe` is no column of an export and is ignored",
            "column 13 has no title and is ignored",
        ]
    );
    let many: Vec<String> = (0..30).map(|n| format!("Extra {n}")).collect();
    let text = format!("{},{}\na,b,,,,,,,c{}\n", titles(), many.join(","), ",".repeat(30));
    let file = read(text.as_bytes()).expect("read");
    assert_eq!((file.warnings.len(), file.warnings[20].as_str()), (21, "10 more unknown columns are ignored"));
}

#[test]
fn rows_without_a_header_are_refused_and_never_repeated() {
    for text in ["a1,ann,Ann,Brown,student,3,North,,Hunter2!\n", "Hunter2!\n", "ann;Role;Hunter2!\n"] {
        let error = read(text.as_bytes()).expect_err("refused");
        assert!(matches!(error, UploadError::NoHeader));
        assert!(error.to_string().contains("titles of an export (Account, Username, Given name"), "{error}");
        assert!(!format!("{error}{error:?}").contains("Hunter2"));
    }
}
