//! A table as text for the clipboard (tab-separated) and for a file (comma-separated, RFC 4180).

use std::borrow::Cow;

use orrery_domain::spreadsheet::harmless;

/// Rows as RFC 4180 CSV with a header line, UTF-8, lines ended by CR LF.
///
/// A field that a spreadsheet would run as a formula is led by an apostrophe.
pub fn csv<'a>(header: &[&str], rows: impl Iterator<Item = Vec<Cow<'a, str>>>) -> Vec<u8> {
    let mut out = String::new();
    push_line(&mut out, header.iter().copied());
    for row in rows {
        push_line(&mut out, row.iter().map(AsRef::as_ref));
    }
    out.into_bytes()
}

/// Rows as tab-separated lines, for the clipboard: tabs and line ends inside a field become spaces.
///
/// A field that a spreadsheet would run as a formula is led by an apostrophe, as in [`csv`].
pub fn tsv<'a>(rows: impl Iterator<Item = Vec<Cow<'a, str>>>) -> String {
    let mut out = String::new();
    for (index, row) in rows.enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for (column, field) in row.iter().enumerate() {
            if column > 0 {
                out.push('\t');
            }
            out.extend(
                harmless(field).chars().map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c }),
            );
        }
    }
    out
}

fn push_line<'a>(out: &mut String, fields: impl Iterator<Item = &'a str>) {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_field(out, field);
    }
    out.push_str("\r\n");
}

fn push_field(out: &mut String, field: &str) {
    let field = harmless(field);
    if field.contains([',', '"', '\n', '\r']) {
        out.push('"');
        out.push_str(&field.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[&'static str]) -> Vec<Cow<'static, str>> {
        fields.iter().map(|field| Cow::Borrowed(*field)).collect()
    }

    #[test]
    fn fields_are_quoted_as_rfc_4180_says() {
        let rows = [row(&["a,b", "say \"hi\""]), row(&["two\nlines", "plain"])];
        let text = String::from_utf8(csv(&["name", "no, te"], rows.into_iter())).expect("text");
        assert_eq!(text, "name,\"no, te\"\r\n\"a,b\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",plain\r\n");
    }

    #[test]
    fn formulas_are_disarmed_and_numbers_are_not() {
        let rows = [row(&["=1+1", "-12.5", "@cmd", "-x"])];
        let text = String::from_utf8(csv(&["a", "b", "c", "d"], rows.into_iter())).expect("text");
        assert!(text.ends_with("'=1+1,-12.5,'@cmd,'-x\r\n"), "{text}");
    }

    #[test]
    fn the_clipboard_keeps_one_line_a_row() {
        let rows = [row(&["a\tb", "c\nd"]), row(&["e", ""])];
        assert_eq!(tsv(rows.into_iter()), "a b\tc d\ne\t");
    }

    #[test]
    fn formulas_are_disarmed_for_the_clipboard_too() {
        let rows = [row(&["=1+1", "-12.5", "\t@cmd", "a=b"]), row(&["\n=1", "+x", "", "-inf"])];
        assert_eq!(tsv(rows.into_iter()), "'=1+1\t-12.5\t' @cmd\ta=b\n' =1\t'+x\t\t'-inf");
    }
}
