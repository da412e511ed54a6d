//! Label files: the names of the classes, and the classes of photos.

use std::path::{Path, PathBuf};

use eightbit_graph::read_limited;
pub(crate) use eightbit_vision::Labels;

use crate::builtin;
use crate::error::CliError;
use crate::report;

/// The size limit of text files: a million lines of names.
const TEXT_LIMIT: u64 = 64 << 20;

/// Reads a file with the name of a class on each line.
pub(crate) fn read(path: &Path) -> Result<Labels, CliError> {
    let labels = Labels::parse(&read_text(path)?);
    if labels.named() == 0 {
        return Err(CliError::text(
            path,
            None,
            "a label file has one class name per line; this one is empty",
        ));
    }
    Ok(labels)
}

/// Checks that `labels`, of the file `path`, have one line for each class. Classes may lack a name, including the last ones.
///
/// More names than classes, or one name too few, are an error: the names belong to another network, with or without a
/// background class, and every answer would get its neighbour's name. A shorter list is a warning: classes without a
/// name are shown by number.
pub(crate) fn check(labels: &Labels, classes: usize, path: &Path) -> Result<(), CliError> {
    let named = labels.named();
    if (named..=labels.lines()).contains(&classes) {
        return Ok(());
    }
    let reason = format!(
        "{} in the file, but the network has {}: a line is needed for each class, counted from 0",
        report::count(named, "name"),
        report::count_as(classes, "class", "classes")
    );
    let error = CliError::text(path, None, reason);
    if named + 1 < classes {
        report::warning(&error.to_string());
        return Ok(());
    }
    Err(error)
}

/// The default names for a network: ImageNet's, if their number fits `classes`.
pub(crate) fn imagenet(classes: usize) -> Labels {
    Labels::parse(builtin::LABELS).fitting(classes)
}

/// A photo and its class.
#[derive(Debug, PartialEq)]
pub(crate) struct Truth {
    pub(crate) file: PathBuf,
    pub(crate) class: usize,
}

/// Reads the classes of photos: on each line a file name and a class number (counted from 0), separated by a tab or a comma.
/// Further columns, empty lines and lines that begin with `#` are skipped, and so is a first line whose second column is not a
/// number (the header).
pub(crate) fn read_truth(path: &Path) -> Result<Vec<Truth>, CliError> {
    parse_truth(path, &read_text(path)?)
}

fn parse_truth(path: &Path, text: &str) -> Result<Vec<Truth>, CliError> {
    let mut truth = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut columns = line.split(['\t', ',']).map(str::trim);
        let (file, class) = (columns.next().unwrap_or_default(), columns.next());
        match class.map(str::parse) {
            Some(Ok(class)) if !file.is_empty() => truth.push(Truth { file: file.into(), class }),
            Some(Err(_)) if index == 0 => {}
            _ => {
                let reason = "a file name and a class number are needed, separated by a tab or a comma";
                return Err(CliError::text(path, index + 1, reason));
            }
        }
    }
    if truth.is_empty() {
        return Err(CliError::text(
            path,
            None,
            "no photo is listed: a line has a file name, a tab and a class number",
        ));
    }
    Ok(truth)
}

/// Reads a text file and removes the byte-order mark that some editors write.
pub(crate) fn read_text(path: &Path) -> Result<String, CliError> {
    let bytes = read_limited(path, TEXT_LIMIT).map_err(CliError::file)?;
    parse_text(bytes).ok_or_else(|| CliError::text(path, None, "not a text file in UTF-8"))
}

fn parse_text(mut bytes: Vec<u8>) -> Option<String> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_needed_for_each_class() {
        let fits = |text, classes| check(&Labels::parse(text), classes, Path::new("l.txt"));
        assert!(fits("a\nb\n", 2).is_ok() && fits("a\nb\n\n", 2).is_ok() && fits("a\n\n\n", 3).is_ok());
        assert!(fits("a\nb\n", 4).is_ok());
        for classes in [1, 3] {
            let error = fits("a\nb\n", classes).expect_err("another number").to_string();
            assert!(error.contains("2 names") && error.contains(&format!("{classes} class")), "{error}");
        }
    }

    #[test]
    fn the_byte_order_mark_is_skipped() {
        assert_eq!(parse_text("\u{feff}top\n".into()).as_deref(), Some("top\n"));
        assert_eq!(parse_text("\u{feff}".into()).as_deref(), Some(""));
        assert_eq!(parse_text(b"\xff\xfet\0".into()), None);
    }

    #[test]
    fn truth_with_and_without_a_head() {
        let expected = [Truth { file: "a.png".into(), class: 90 }, Truth { file: "b.png".into(), class: 3 }];
        for text in ["file\tlabel0\na.png\t90\nb.png\t3\n", "a.png,90,x\n# note\n\nb.png , 3\n"] {
            assert_eq!(parse_truth(Path::new("t"), text).expect("valid"), expected);
        }
    }

    #[test]
    fn errors_name_the_line() {
        let error = |text| parse_truth(Path::new("t.tsv"), text).expect_err("invalid").to_string();
        assert!(error("a.png\t1\nb.png\tcat\n").starts_with("t.tsv, line 2: a file name and a class number"));
        assert!(error("a.png\t1\nb.png\n").starts_with("t.tsv, line 2"));
        assert!(error("file\tlabel\n").starts_with("t.tsv: no photo is listed"));
        assert!(error("a.png\t-1\nb.png\t-2").starts_with("t.tsv, line 2"));
    }
}
