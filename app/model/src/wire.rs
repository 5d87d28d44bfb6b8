//! One type, two encodings.
//!
//! In JSON a frame is an object that says its own kind (`{"type":"positions",…}`),
//! which is what a person and a scripting language want. Postcard has no field
//! names, so there the same enum is its variant's number and then its payload.
//! [`wire_enum!`] writes the type once and derives both from it. [`wire_struct!`] does so for
//! a struct with such an enum in it, whose fields stand in JSON among the struct's own.

macro_rules! wire_enum {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident tagged $tag:literal {
            $( $(#[$vdoc:meta])* $variant:ident($payload:ty), )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $( $(#[$vdoc])* $variant($payload), )*
        }

        const _: () = {
            #[derive(serde::Serialize)]
            #[serde(tag = $tag, rename_all = "snake_case")]
            enum TaggedRef<'a> { $( $variant(&'a $payload), )* }

            #[derive(serde::Serialize)]
            enum CompactRef<'a> { $( $variant(&'a $payload), )* }

            #[derive(serde::Deserialize)]
            #[serde(tag = $tag, rename_all = "snake_case")]
            enum Tagged { $( $variant($payload), )* }

            // The document tells of the JSON form.
            #[cfg(feature = "openapi")]
            impl utoipa::PartialSchema for $name {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    let variants = [$( stringify!($variant) ),*];
                    crate::openapi::tagged($tag, stringify!($name), &variants, concat!($($doc),*))
                }
            }
            #[cfg(feature = "openapi")]
            impl utoipa::ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                    let name = stringify!($name);
                    $( crate::openapi::add_variant::<$payload>(schemas, $tag, name, stringify!($variant)); )*
                }
            }

            #[derive(serde::Deserialize)]
            enum Compact { $( $variant($payload), )* }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    if s.is_human_readable() {
                        match self { $( Self::$variant(p) => TaggedRef::$variant(p), )* }.serialize(s)
                    } else {
                        match self { $( Self::$variant(p) => CompactRef::$variant(p), )* }.serialize(s)
                    }
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    if d.is_human_readable() {
                        Tagged::deserialize(d).map(|t| match t { $( Tagged::$variant(p) => Self::$variant(p), )* })
                    } else {
                        Compact::deserialize(d).map(|t| match t { $( Compact::$variant(p) => Self::$variant(p), )* })
                    }
                }
            }
        };
    };
}

/// The braces after `flat` hold the enum.
macro_rules! wire_struct {
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            $( $(#[$before_doc:meta])* pub $before:ident: $before_type:ty, )*
            flat { pub $flat:ident: $flat_type:ty }
            $( $(#[$after_doc:meta])* pub $after:ident: $after_type:ty, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[$before_doc])* pub $before: $before_type, )*
            pub $flat: $flat_type,
            $( $(#[$after_doc])* pub $after: $after_type, )*
        }

        const _: () = {
            type Whole = $name;

            #[derive(serde::Serialize, serde::Deserialize)]
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
            #[serde(remote = "Whole")]
            $(#[$doc])*
            struct Flat {
                $( $(#[$before_doc])* $before: $before_type, )*
                #[serde(flatten)]
                $flat: $flat_type,
                $( $(#[$after_doc])* $after: $after_type, )*
            }

            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(remote = "Whole")]
            struct Compact {
                $( $before: $before_type, )*
                $flat: $flat_type,
                $( $after: $after_type, )*
            }

            // The document tells of the JSON form.
            #[cfg(feature = "openapi")]
            impl utoipa::PartialSchema for $name {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    Flat::schema()
                }
            }
            #[cfg(feature = "openapi")]
            impl utoipa::ToSchema for $name {
                fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                    <Flat as utoipa::ToSchema>::schemas(schemas);
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    if s.is_human_readable() { Flat::serialize(self, s) } else { Compact::serialize(self, s) }
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    if d.is_human_readable() { Flat::deserialize(d) } else { Compact::deserialize(d) }
                }
            }
        };
    };
}

pub(crate) use {wire_enum, wire_struct};
