//! Pictures of two plots side by side, as files of SVG.

/// The size of the picture and of each of its two axes' areas.
pub(crate) const WIDE: f64 = 920.0;
pub(crate) const TALL: f64 = 360.0;
pub(crate) const PANEL: f64 = 380.0;
pub(crate) const TOP: f64 = 40.0;
pub(crate) const BOTTOM: f64 = 300.0;
pub(crate) const LEFTS: [f64; 2] = [60.0, 520.0];

/// A file of its own, with a label for those who do not see it.
pub(crate) fn file(label: &str, style: &str, drawing: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDE} {TALL}\" width=\"{WIDE}\" height=\"{TALL}\" role=\"img\" \
         aria-label=\"{label}\">\n<style>{style}</style>\n\
         <rect width=\"{WIDE}\" height=\"{TALL}\" fill=\"#ffffff\"/>\n{drawing}</svg>\n"
    )
}
