//! Shapes (hidden classes): which property lies in which slot.
//!
//! A shape is a list of keys; adding a key leads to another shape, so that
//! objects built alike share one. Shapes are never freed while the heap lives:
//! their number is bounded by [`MAX_KEYS`] and [`MAX_TRANSITIONS`], beyond which
//! an object gets a dictionary of its own.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use bumpalo::Bump;
use gene_isa::Symbol;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::value::Value;

/// Most keys of a shape.
pub const MAX_KEYS: usize = 48;
/// Most shapes that can follow one shape.
pub const MAX_TRANSITIONS: usize = 64;
/// Shapes of more keys are searched by hash.
const LINEAR_KEYS: usize = 8;

/// A list of keys, shared by all objects that have them in this order.
pub struct Shape {
    keys: Vec<Symbol>,
    index: HashMap<Symbol, u32, FxBuildHasher>,
    /// Bits of the class of instances; nil of maps. Kept alive by the class
    /// itself: whoever reaches an instance reaches its class.
    pub class: Cell<u64>,
    /// Identity of the class for inline caches.
    pub class_id: Cell<u32>,
    transitions: RefCell<Vec<(Symbol, &'static Shape)>>,
    /// The shape of objects of the same class that keep their properties in a
    /// dictionary; `None` for such a shape itself.
    dictionary: Option<&'static Shape>,
}

impl Shape {
    /// The shape to take when properties move into a dictionary.
    pub fn dictionary(&'static self) -> &'static Shape {
        self.dictionary.unwrap_or(self)
    }

    /// Whether objects of this shape keep their properties in a dictionary.
    #[inline(always)]
    pub fn is_dictionary(&self) -> bool {
        self.dictionary.is_none()
    }

    /// The keys in order of their slots.
    pub fn keys(&self) -> &[Symbol] {
        &self.keys
    }

    /// Number of keys.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Slot of a key.
    #[inline]
    pub fn slot(&self, key: Symbol) -> Option<usize> {
        if self.keys.len() <= LINEAR_KEYS {
            return self.keys.iter().position(|k| *k == key);
        }
        self.index.get(&key).map(|slot| *slot as usize)
    }

    /// Applies `f` to this shape and all that follow from it.
    pub fn for_each(&self, f: &mut dyn FnMut(&Shape)) {
        f(self);
        if let Some(dictionary) = self.dictionary {
            f(dictionary);
        }
        for (_, next) in self.transitions.borrow().iter() {
            next.for_each(f);
        }
    }
}

/// All shapes of a heap.
pub struct Shapes {
    arena: Bump,
    made: Vec<NonNull<Shape>>,
    empty: &'static Shape,
}

impl Shapes {
    pub(super) fn new() -> Shapes {
        let arena = Bump::new();
        let blank = || Shape::blank(Value::NIL.bits(), 0);
        let dictionary = NonNull::from(arena.alloc(blank()));
        // SAFETY: as in `add`: the shape lives as long as the heap.
        let twin = Some(unsafe { &*dictionary.as_ptr() });
        let empty = NonNull::from(arena.alloc(Shape { dictionary: twin, ..blank() }));
        // SAFETY: the same.
        Shapes { arena, made: vec![dictionary, empty], empty: unsafe { &*empty.as_ptr() } }
    }

    /// The shape of an empty map.
    #[inline(always)]
    pub fn empty(&self) -> &'static Shape {
        self.empty
    }

    fn add(&mut self, shape: Shape) -> &'static Shape {
        let shape = NonNull::from(self.arena.alloc(shape));
        self.made.push(shape);
        // SAFETY: shapes live as long as the heap, and references to them are
        // only found in its objects and in code that runs on it.
        unsafe { &*shape.as_ptr() }
    }

    /// A shape without keys for instances of a class.
    pub fn root(&mut self, class: u64, class_id: u32) -> &'static Shape {
        let dictionary = Some(self.add(Shape::blank(class, class_id)));
        self.add(Shape { dictionary, ..Shape::blank(class, class_id) })
    }

    /// The shape with `key` added; `None` if it would be too large or rare.
    pub fn with_key(&mut self, shape: &'static Shape, key: Symbol) -> Option<&'static Shape> {
        if let Some((_, next)) = shape.transitions.borrow().iter().find(|(k, _)| *k == key) {
            return Some(next);
        }
        if shape.is_dictionary()
            || shape.len() >= MAX_KEYS
            || shape.transitions.borrow().len() >= MAX_TRANSITIONS
        {
            return None;
        }
        let mut keys = shape.keys.clone();
        keys.push(key);
        let index = match keys.len() > LINEAR_KEYS {
            true => keys.iter().enumerate().map(|(i, k)| (*k, i as u32)).collect(),
            false => HashMap::default(),
        };
        let next = self.add(Shape {
            keys,
            index,
            class: shape.class.clone(),
            class_id: shape.class_id.clone(),
            transitions: RefCell::default(),
            dictionary: shape.dictionary,
        });
        shape.transitions.borrow_mut().push((key, next));
        Some(next)
    }
}

impl Shape {
    fn blank(class: u64, class_id: u32) -> Shape {
        Shape {
            keys: Vec::new(),
            index: HashMap::default(),
            class: Cell::new(class),
            class_id: Cell::new(class_id),
            transitions: RefCell::default(),
            dictionary: None,
        }
    }
}

impl Drop for Shapes {
    fn drop(&mut self) {
        for shape in &self.made {
            // SAFETY: each was made once by `add` and is not used after the heap.
            unsafe { shape.drop_in_place() };
        }
    }
}
