//! Methods that return a private field.

/// Defines a method for each field, of its name.
macro_rules! getters {
    ($($(#[$doc:meta])* $visibility:vis $field:ident: $type:ty),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            #[inline]
            $visibility fn $field(&self) -> $type {
                self.$field
            }
        )+
    };
}
pub(crate) use getters;
