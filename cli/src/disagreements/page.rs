//! Disagreements as a page with small pictures of the photos.

use std::fmt::Write as _;

use super::Disagreement;
use crate::error::CliError;
use crate::html::{self, Text};
use crate::labels::Labels;
use crate::photo::{self, PhotoOptions};
use crate::report;

/// The longer side of a picture, in pixels.
const SIDE: usize = 224;

pub(super) fn page(
    found: &[Disagreement],
    photos: usize,
    labels: &Labels,
    options: PhotoOptions,
) -> Result<String, CliError> {
    let right = |network: usize| found.iter().filter(|one| one.is_right(network)).count();
    let mut body = format!(
        "<h1>{} of {}</h1>\n<p>got another answer in eight bits: the float network was right about {}, the eight-bit one about \
         {}.</p>\n<section class=\"photos\">\n",
        found.len(),
        report::count(photos, "photo"),
        right(0),
        right(1)
    );
    for one in found {
        let picture = html::picture(&photo::read(&one.path, options)?.thumbnail(SIDE)?);
        let name = one.name();
        let (name, class) = (Text(&name), labels.name(one.class));
        let _ = write!(
            body,
            "<article class=\"photo\"><img src=\"{picture}\" alt=\"{name}\"><dl><dt>{name}</dt><dd>{} ({})</dd>",
            Text(&class),
            one.class
        );
        for (network, kind) in ["float", "eight-bit"].into_iter().enumerate() {
            let mark = if one.is_right(network) { " <span class=\"good\">✓</span>" } else { "" };
            let _ = write!(body, "<dt>{kind}{mark}</dt>");
            for answer in &one.answers[network] {
                let (class, score) = (labels.name(answer.class), 100.0 * answer.score);
                let _ = write!(body, "<dd>{score:.1} % {} ({})</dd>", Text(&class), answer.class);
            }
        }
        body.push_str("</dl></article>\n");
    }
    body.push_str("</section>\n");
    Ok(html::page("Other answers in eight bits", &body, ""))
}
