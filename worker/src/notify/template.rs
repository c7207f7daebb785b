//! A tiny, strict template: lines with `{tag}`s, compiled in and checked at start-up.
//!
//! `?tag text` is a line that is kept only when the tag has a value, `!tag text` one that is kept only when it has none.
//! A value is data: it is put in as it is and never looked at again, so that a name like `{password}` stays a name.

use zeroize::Zeroizing;

/// What a template may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// The district's name.
    District,
    /// The school's name.
    School,
    /// The person's given name.
    GivenName,
    /// The person's given and family name.
    FullName,
    /// The username.
    Username,
    /// The new password.
    Password,
    /// The number of the account's reset.
    Issue,
    /// When the password was changed.
    Changed,
    /// When it expires.
    Expires,
    /// The one-time link.
    Link,
    /// How long the link is good.
    Valid,
    /// Has a value when the present password goes on working.
    Keeps,
    /// Has a value when the password must be changed at the first sign-in.
    Temporary,
}

impl Tag {
    const ALL: [(&'static str, Self); 13] = [
        ("district", Self::District),
        ("school", Self::School),
        ("given_name", Self::GivenName),
        ("full_name", Self::FullName),
        ("username", Self::Username),
        ("password", Self::Password),
        ("issue", Self::Issue),
        ("changed", Self::Changed),
        ("expires", Self::Expires),
        ("link", Self::Link),
        ("valid", Self::Valid),
        ("keeps", Self::Keeps),
        ("temporary", Self::Temporary),
    ];

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(name, tag)| (name == word).then_some(tag))
    }

    /// The word between the braces.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(name, tag)| (tag == self).then_some(name)).unwrap_or_default()
    }
}

/// A template that makes no sense. Found at start-up, before anybody waits for a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template `{template}`, line {line}: {reason}")]
pub struct TemplateError {
    /// The template's file name.
    pub template: &'static str,
    /// The line, from 1; 0 when the whole template is meant.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// A template needed a value that this message does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be written: nothing is known for `{{{0}}}`")]
pub(super) struct Missing(pub(super) &'static str);

#[derive(Debug)]
enum Piece {
    Text(&'static str),
    Tag(Tag),
}

#[derive(Debug)]
struct Line {
    /// Kept only when the tag's having a value equals the flag.
    when: Option<(Tag, bool)>,
    pieces: Vec<Piece>,
}

/// A checked template.
#[derive(Debug)]
pub(super) struct Template {
    lines: Vec<Line>,
}

impl Template {
    /// Reads a template whose secret is a password or a link.
    ///
    /// # Errors
    /// Names the line with an unknown tag or a brace that is not closed; every template must hold its secret's tag once,
    /// with nothing but blanks beside it, so that it can be found and copied without a neighbour; and no other secret.
    pub(super) fn read(name: &'static str, text: &'static str, secret: Tag) -> Result<Self, TemplateError> {
        let fail = |line: usize, reason: String| TemplateError { template: name, line, reason };
        let mut lines = Vec::new();
        let mut secrets = 0_usize;
        let word = secret.name();
        let other = if secret == Tag::Link { Tag::Password } else { Tag::Link };
        for (number, text) in (1..).zip(text.lines()) {
            let line = read_line(text).map_err(|reason| fail(number, reason))?;
            if line.holds(secret) {
                secrets += 1;
                if line.when.is_some()
                    || text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) != Some(word)
                {
                    return Err(fail(number, format!("`{{{word}}}` must stand alone on its line")));
                }
            }
            if line.holds(other) {
                return Err(fail(number, format!("`{{{}}}` has no value in this message", other.name())));
            }
            lines.push(line);
        }
        if secrets != 1 {
            return Err(fail(0, format!("`{{{word}}}` must stand in it once, not {secrets} times")));
        }
        Ok(Self { lines })
    }

    /// Whether the template speaks of a tag at all.
    pub(super) fn holds(&self, tag: Tag) -> bool {
        self.lines.iter().any(|line| line.holds(tag))
    }

    /// The text, lines joined by `\n`, never two empty lines in a row.
    ///
    /// # Errors
    /// When a kept line speaks of something that has no value.
    pub(super) fn fill<'v>(&self, value: impl Fn(Tag) -> Option<&'v str>) -> Result<Zeroizing<String>, Missing> {
        // Room for everything at once: a growing string would leave copies of the password behind.
        let length = self.length(&value);
        let mut text = Zeroizing::new(String::with_capacity(length));
        let mut blank = false;
        for line in &self.lines {
            if line.when.is_some_and(|(tag, wanted)| value(tag).is_some() != wanted) {
                continue;
            }
            if line.pieces.is_empty() && blank {
                continue;
            }
            blank = line.pieces.is_empty();
            for piece in &line.pieces {
                match piece {
                    Piece::Text(words) => text.push_str(words),
                    Piece::Tag(tag) => text.push_str(value(*tag).ok_or(Missing(tag.name()))?),
                }
            }
            text.push('\n');
        }
        Ok(text)
    }

    fn length<'v>(&self, value: &impl Fn(Tag) -> Option<&'v str>) -> usize {
        let piece = |piece: &Piece| match piece {
            Piece::Text(words) => words.len(),
            Piece::Tag(tag) => value(*tag).map_or(0, str::len),
        };
        self.lines.iter().map(|line| 1 + line.pieces.iter().map(piece).sum::<usize>()).sum()
    }
}

impl Line {
    fn holds(&self, wanted: Tag) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Tag(tag) if *tag == wanted))
    }
}

fn read_line(text: &'static str) -> Result<Line, String> {
    let (when, mut rest) = match (text.strip_prefix('?'), text.strip_prefix('!')) {
        (Some(rest), _) => condition(rest, true)?,
        (None, Some(rest)) => condition(rest, false)?,
        (None, None) => (None, text),
    };
    let mut pieces = Vec::new();
    while let Some((before, after)) = rest.split_once('{') {
        if before.contains('}') {
            return Err("a `}` without its `{`".to_owned());
        }
        let (word, after) = after.split_once('}').ok_or("a `{` without its `}`")?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Tag(tag(word)?));
        rest = after;
    }
    if rest.contains('}') {
        return Err("a `}` without its `{`".to_owned());
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(Line { when, pieces })
}

type Condition = (Option<(Tag, bool)>, &'static str);

fn condition(rest: &'static str, wanted: bool) -> Result<Condition, String> {
    let (word, text) = rest.split_once(' ').ok_or("a condition needs a tag, a blank and a text")?;
    Ok((Some((tag(word)?, wanted)), text))
}

fn tag(word: &str) -> Result<Tag, String> {
    Tag::read(word).ok_or_else(|| {
        let known: Vec<_> = Tag::ALL.iter().map(|(name, _)| *name).collect();
        format!("`{word}` is no tag; known are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tag: Tag) -> Option<&'static str> {
        [(Tag::GivenName, "{password}"), (Tag::Password, "{username} ")]
            .into_iter()
            .find_map(|(known, value)| (known == tag).then_some(value))
    }

    #[test]
    fn values_are_never_expanded_and_conditions_hold() {
        let template = Template::read(
            "t",
            "?given_name Hi {given_name}\n!given_name Hi\n\n?school S\n\n    {password}\n",
            Tag::Password,
        )
        .expect("t");
        assert_eq!(&**template.fill(value).as_ref().expect("filled"), "Hi {password}\n\n    {username} \n");
    }

    #[test]
    fn senseless_templates_are_refused() {
        for (text, line) in [
            ("{password}\n{nickname}", 2),
            ("{password}\n{username", 2),
            ("{password}\nusername}", 2),
            ("{password}\n?shoe {username}", 2),
            ("{password}\n?school", 2),
            ("Password: {password}", 1),
            ("?school {password}", 1),
            ("nothing", 0),
            ("{password}\n{password}", 0),
            ("{password}\n{link}", 2),
        ] {
            assert_eq!(Template::read("t", text, Tag::Password).expect_err(text).line, line, "{text}");
        }
    }

    #[test]
    fn a_missing_value_is_an_error() {
        let template = Template::read("t", "{school}\n{password}", Tag::Password).expect("t");
        assert_eq!(template.fill(value).err(), Some(Missing("school")));
    }
}
