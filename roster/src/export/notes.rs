//! A worksheet that explains a table: sentences, and the legend of the codes.

use keybell_shared::codes::Code;
use rust_xlsxwriter::{Format, FormatAlign, Worksheet, XlsxError};

use super::xlsx_sheet::TEXT;

/// What a worksheet says of the table before it.
#[derive(Clone, Copy, Debug)]
pub struct Notes {
    /// The worksheet's name.
    pub name: &'static str,
    /// Sentences, one a row.
    pub lines: &'static [&'static str],
}

impl Notes {
    /// The codes that a row of an upload can have, in the order of the legend.
    pub fn legend() -> impl Iterator<Item = Code> {
        let of_a_row = |code: &Code| *code == Code::OK || code.as_str().starts_with(['E', 'S']);
        Code::ALL.iter().copied().filter(of_a_row)
    }

    pub(super) fn write(&self, page: &mut Worksheet) -> Result<(), XlsxError> {
        let bold = Format::new().set_bold();
        let text = Format::new().set_num_format_index(TEXT).set_text_wrap().set_align(FormatAlign::Top);
        page.set_name(self.name)?.set_column_width(0, 8)?.set_column_width(1, 110)?;
        let mut row = 0;
        for line in self.lines {
            page.write_string_with_format(row, 1, *line, &text)?;
            row += 1;
        }
        row += u32::from(row > 0);
        page.write_string_with_format(row, 0, "Code", &bold)?.write_string_with_format(row, 1, "Meaning", &bold)?;
        for code in Self::legend() {
            row += 1;
            page.write_string_with_format(row, 0, code.as_str(), &text)?;
            page.write_string_with_format(row, 1, code.meaning(), &text)?;
        }
        Ok(())
    }
}
