//! A component as one thing of one type.
//!
//! Leptos types a page by everything in it. Ending the type at each component keeps the
//! compiler quick. In the browser the end of a type is a vtable with just what a page of this
//! kind needs, where [`AnyView`] brings more for each view: another way to hydrate, which this
//! page never takes, and its own copy of everything around the view. That keeps the download
//! small.

use leptos::prelude::*;

pub trait IntoWhole {
    /// Ends the type here.
    fn whole(self) -> AnyView;
}

#[cfg(not(feature = "hydrate"))]
impl<V: RenderHtml + Send + 'static> IntoWhole for V {
    fn whole(self) -> AnyView {
        self.into_any()
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::IntoWhole;
    use leptos::{
        attr::{Attribute, any_attribute::AnyAttribute},
        prelude::*,
        tachys::{
            hydration::Cursor,
            renderer::{
                Rndr,
                types::{Element, Node, Placeholder},
            },
            ssr::StreamBuilder,
            view::{Position, PositionState},
        },
    };
    use std::any::{Any, TypeId};

    impl<V: RenderHtml + Send + 'static> IntoWhole for V {
        fn whole(self) -> AnyView {
            // What owns itself is of fewer types: listeners are boxed by then.
            Whole(Box::new(Part(self.into_owned()))).into_any()
        }
    }

    /// Any view; [`AnyView`] sees only this one.
    struct Whole(Box<dyn Erased>);

    struct Part<V>(V);

    trait Erased: Send {
        fn build(self: Box<Self>) -> Kept;
        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Kept;
        fn rebuild(self: Box<Self>, kept: &mut Kept);
    }

    /// What stands in the page for a view.
    struct Kept {
        /// Of the view: states of different elements may be of one type.
        view: TypeId,
        state: Box<dyn State>,
        /// Where it is, of a view that puts nothing into the page.
        placeholder: Option<Placeholder>,
    }

    trait State: Mountable + Any {}
    impl<S: Mountable + Any> State for S {}

    impl<V: RenderHtml + Send + 'static> Erased for Part<V> {
        fn build(self: Box<Self>) -> Kept {
            let placeholder = (!V::EXISTS).then(Rndr::create_placeholder);
            Kept { view: TypeId::of::<V>(), state: Box::new(self.0.build()), placeholder }
        }

        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Kept {
            let state = Box::new(self.0.hydrate::<true>(cursor, position));
            let placeholder = (!V::EXISTS).then(|| cursor.next_placeholder(position));
            Kept { view: TypeId::of::<V>(), state, placeholder }
        }

        fn rebuild(self: Box<Self>, kept: &mut Kept) {
            let state: &mut dyn Any = &mut *kept.state;
            match state.downcast_mut::<V::State>().filter(|_| kept.view == TypeId::of::<V>()) {
                Some(state) => self.0.rebuild(state),
                None => kept.become_another(self.build()),
            }
        }
    }

    impl Kept {
        fn become_another(&mut self, mut new: Kept) {
            self.insert_before_this(&mut new);
            self.unmount();
            *self = new;
        }
    }

    impl Mountable for Kept {
        fn unmount(&mut self) {
            self.state.unmount();
            if let Some(placeholder) = &mut self.placeholder {
                placeholder.unmount();
            }
        }

        fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
            self.state.mount(parent, marker);
            if let Some(placeholder) = &mut self.placeholder {
                placeholder.mount(parent, marker);
            }
        }

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
            self.state.insert_before_this(child)
                || self.placeholder.as_ref().is_some_and(|place| place.insert_before_this(child))
        }

        fn elements(&self) -> Vec<Element> {
            self.state.elements()
        }
    }

    impl Render for Whole {
        type State = Kept;

        fn build(self) -> Kept {
            self.0.build()
        }

        fn rebuild(self, kept: &mut Kept) {
            self.0.rebuild(kept);
        }
    }

    impl AddAnyAttr for Whole {
        type Output<A: Attribute> = Self;

        fn add_any_attr<A: Attribute>(self, _: A) -> Self {
            unreachable!("a component's attributes are its own")
        }
    }

    impl RenderHtml for Whole {
        type AsyncOutput = Self;
        type Owned = Self;

        const MIN_LENGTH: usize = 0;

        fn dry_resolve(&mut self) {}

        async fn resolve(self) -> Self {
            self
        }

        fn to_html_with_buf(self, _: &mut String, _: &mut Position, _: bool, _: bool, _: Vec<AnyAttribute>) {
            unreachable!("only the server writes pages")
        }

        fn to_html_async_with_buf<const OUT_OF_ORDER: bool>(
            self,
            _: &mut StreamBuilder,
            _: &mut Position,
            _: bool,
            _: bool,
            _: Vec<AnyAttribute>,
        ) {
            unreachable!("only the server writes pages")
        }

        fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Kept {
            self.0.hydrate(cursor, position)
        }

        async fn hydrate_async(self, _: &Cursor, _: &PositionState) -> Kept {
            unreachable!("the page hydrates in one go")
        }

        fn into_owned(self) -> Self {
            self
        }
    }
}

/// Words that change. Closures as they are would each bring their own copy of the
/// code that keeps a text node current.
pub fn text(words: impl FnMut() -> String + Send + 'static) -> Box<dyn FnMut() -> String + Send> {
    Box::new(words)
}

/// A part of the page that comes, changes and goes; of one type for the same reason.
pub fn part(
    view: impl FnMut() -> Option<AnyView> + Send + 'static,
) -> Box<dyn FnMut() -> Option<AnyView> + Send> {
    Box::new(view)
}

/// One of a list: made once, and kept for as long as its key is listed.
pub struct Row {
    key: String,
    make: Box<dyn FnOnce() -> AnyView + Send>,
}

impl Row {
    pub fn new(key: String, make: impl FnOnce() -> AnyView + Send + 'static) -> Self {
        Self { key, make: Box::new(make) }
    }
}

/// A list that changes; of one type for the same reason.
pub fn rows(list: impl Fn() -> Vec<Row> + Send + Sync + 'static) -> AnyView {
    keyed(Box::new(list))
}

fn keyed(list: Box<dyn Fn() -> Vec<Row> + Send + Sync>) -> AnyView {
    view! { <For each=list key=|row: &Row| row.key.clone() children=|row: Row| (row.make)()/> }.whole()
}

/// Runs now and whenever what it reads changes, in the browser only.
pub fn effect(run: impl FnMut() + 'static) {
    let mut run: Box<dyn FnMut()> = Box::new(run);
    Effect::new(move |_: Option<()>| run());
}
