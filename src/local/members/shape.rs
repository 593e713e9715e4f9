//! The table of members, as `read.txt` has it.

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

/// What is looked at below a member.
#[derive(Debug)]
pub(super) enum Below {
    /// Nothing: it is the service's own to judge.
    Anything,
    /// A structure, or a list of structures.
    Members(Shape),
    /// Structures, or lists of them, under names of the caller.
    Named(Shape),
}

impl Shape {
    /// Takes a shape off the beginning of a text, up to the bracket that closes it.
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
                _ => Below::Anything,
            };
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

    /// What is looked at below a member; none where there is no such member.
    pub(super) fn below(&self, name: &str) -> Option<&Below> {
        self.members.get(name)
    }

    /// Returns whether a parameter of the query string is read.
    pub(super) fn has_query(&self, name: &str) -> bool {
        self.query.contains(&name)
    }

    /// Returns whether the body is the caller's own, as that of `Invoke` is.
    pub(super) fn is_opaque(&self) -> bool {
        self.members.contains_key("Payload")
    }

    /// Returns whether there is a member at the end of a path.
    pub(super) fn has_path<'a>(&self, mut path: impl Iterator<Item = &'a str>) -> bool {
        let Some(first) = path.next() else { return true };
        match self.below(first) {
            None => false,
            Some(Below::Anything) => true,
            Some(Below::Members(shape) | Below::Named(shape)) => shape.has_path(path),
        }
    }
}
