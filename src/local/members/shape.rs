//! The table of supported members, parsed from `read.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The shapes of all requests, by service and operation.
pub(super) static TABLE: LazyLock<HashMap<(&str, &str), Shape>> = LazyLock::new(|| {
    let lines = include_str!("read.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, members) = line.split_once(' ').unwrap_or((line, ""));
            let mut rest = members;
            Some((name.split_once(':')?, Shape::parse(&mut rest)))
        })
        .collect()
});

/// The members of a structure.
#[derive(Debug, Default)]
pub(super) struct Shape {
    members: HashMap<&'static str, Below>,
    query: Vec<&'static str>,
}

/// The check of the values below a member.
#[derive(Debug)]
pub(super) enum Below {
    /// No check: the service itself validates the value.
    Anything,
    /// A structure, or a list of structures.
    Members(Shape),
    /// Structures, or lists of them, under names that the caller chooses.
    Named(Shape),
    /// An attribute value of `DynamoDB`, or a list of them.
    Value,
    /// Attribute values, or lists of them, under names that the caller chooses.
    NamedValues,
}

impl Shape {
    /// Parses a shape at the beginning of a text, up to its closing bracket.
    fn parse(rest: &mut &'static str) -> Shape {
        let mut shape = Shape::default();
        loop {
            *rest = rest.trim_start();
            let end = rest.find([' ', '(', ')', '<', '>']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            *rest = after;
            if let Some(name) = name.strip_prefix('?') {
                shape.query.push(name);
                continue;
            }
            let mut inner = || {
                *rest = &rest[1..];
                Shape::parse(rest)
            };
            let below = match after.chars().next() {
                Some('(') => Below::Members(inner()),
                Some('<') => Below::Named(inner()),
                _ if name.ends_with('=') => Below::Value,
                _ if name.ends_with('#') => Below::NamedValues,
                _ => Below::Anything,
            };
            let name = name.trim_end_matches(['=', '#']);
            if !name.is_empty() {
                shape.members.insert(name, below);
            }
            match rest.chars().next() {
                None => return shape,
                Some(')' | '>') => {
                    *rest = &rest[1..];
                    return shape;
                }
                Some(_) => {}
            }
        }
    }

    /// Returns the check below a member, or `None` for an unknown member.
    pub(super) fn below(&self, name: &str) -> Option<&Below> {
        self.members.get(name)
    }

    /// Returns whether the operation reads a query parameter.
    pub(super) fn has_query(&self, name: &str) -> bool {
        self.query.contains(&name)
    }

    /// Returns whether the body is opaque, as in `Invoke`.
    pub(super) fn is_opaque(&self) -> bool {
        self.members.contains_key("Payload")
    }

    /// Returns whether a path leads to a known member.
    pub(super) fn has_path<'a>(&self, mut path: impl Iterator<Item = &'a str>) -> bool {
        let Some(first) = path.next() else { return true };
        match self.below(first) {
            None => false,
            Some(Below::Anything | Below::Value | Below::NamedValues) => true,
            Some(Below::Members(shape) | Below::Named(shape)) => shape.has_path(path),
        }
    }
}
