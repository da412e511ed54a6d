//! Methods that return a field.

/// Defines a method for each private field, of its name.
macro_rules! getters {
    ($($(#[$doc:meta])* $field:ident: $type:ty),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $field(&self) -> $type {
                self.$field
            }
        )+
    };
}
pub(crate) use getters;
