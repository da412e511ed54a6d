//! The names of classes.

/// The names of a network's classes; the line number, counted from 0, is the class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<String>);

impl Labels {
    /// Parses one name per line. A class may have no name: an empty line.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().map(|line| line.trim().to_owned()).collect())
    }

    /// These, if they are those of a network with `classes` classes, or of one with another first class, `background`, as TensorFlow's
    /// ImageNet networks have; otherwise none.
    pub fn fitting(mut self, classes: usize) -> Self {
        if classes == self.0.len() + 1 {
            self.0.insert(0, "background".to_owned());
        }
        if self.0.len() == classes { self } else { Self::default() }
    }

    /// The number of lines.
    pub fn lines(&self) -> usize {
        self.0.len()
    }

    /// The number of lines without empty ones at the end.
    pub fn named(&self) -> usize {
        self.0.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1)
    }

    /// The name of `class`, or `class N`.
    pub fn name(&self, class: usize) -> String {
        match self.0.get(class) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("class {class}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_line_number() {
        let labels = Labels::parse("tench, Tinca tinca\r\n goldfish\n\n");
        assert_eq!((labels.lines(), labels.named()), (3, 2));
        assert_eq!(labels.name(0), "tench, Tinca tinca");
        assert_eq!(labels.name(1), "goldfish");
        assert_eq!(labels.name(2), "class 2");
        assert_eq!(labels.name(99), "class 99");
    }

    #[test]
    fn with_and_without_a_background() {
        let imagenet = || Labels::parse(eightbit_models::IMAGENET_LABELS);
        assert_eq!(imagenet().fitting(1000).name(652), "military uniform");
        assert_eq!(imagenet().fitting(1001).name(653), "military uniform");
        assert_eq!(imagenet().fitting(10).name(3), "class 3");
    }
}
