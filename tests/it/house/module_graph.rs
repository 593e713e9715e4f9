//! Which file of a crate imports which, read from the source with `syn`.
//!
//! An import counts where the name is defined, not where it is re-exported. A `pub use` is no import of the module that
//! only hands the name on, and a module may use what the modules around it define: it sees their private items anyway.
//! Test code is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

type ModulePath = Vec<String>;

/// A module: a file, or a block in one.
struct Module {
    file: PathBuf,
    /// Names of its items that are no modules.
    items: BTreeSet<String>,
    /// Name in this module → path as written; `*` imports are in `globs`.
    imports: BTreeMap<String, ModulePath>,
    globs: Vec<ModulePath>,
    /// Imported names that other modules may import from here.
    reexports: BTreeSet<String>,
    /// Paths in its code.
    paths: BTreeSet<ModulePath>,
}

/// The modules of one crate.
pub struct ModuleGraph {
    modules: BTreeMap<ModulePath, Module>,
}

impl ModuleGraph {
    /// Reads a crate from its root file.
    pub fn read(root: &Path) -> Self {
        let mut graph = ModuleGraph { modules: BTreeMap::new() };
        graph.read_file(root, root.parent().unwrap(), Vec::new());
        graph
    }

    /// Returns the files, with what each imports and by which path.
    pub fn imports(&self) -> BTreeMap<&Path, BTreeMap<&Path, String>> {
        let mut edges: BTreeMap<&Path, BTreeMap<&Path, String>> = BTreeMap::new();
        for (at, module) in &self.modules {
            let from = edges.entry(&module.file).or_default();
            let used: BTreeSet<&String> = module.paths.iter().map(|path| &path[0]).collect();
            let imported =
                module.imports.iter().filter(|(name, _)| !module.reexports.contains(*name) || used.contains(name));
            let imported = imported.map(|(_, path)| path).chain(&module.globs);
            for path in imported.chain(module.paths.iter().filter(|path| path.len() > 1)) {
                if let Some(file) = self.defining_file(at, path, 0).filter(|file| !is_inside(&module.file, file)) {
                    from.entry(file).or_insert_with(|| path.join("::"));
                }
            }
        }
        edges
    }

    fn read_file(&mut self, file: &Path, children: &Path, at: ModulePath) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.read_items(&parsed.items, file, children, at);
    }

    fn read_items(&mut self, items: &[Item], file: &Path, children: &Path, at: ModulePath) {
        let mut collector = Collector::default();
        let mut names = BTreeSet::new();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            if let Item::Mod(module) = item {
                let name = module.ident.to_string();
                let inner = [at.clone(), vec![name.clone()]].concat();
                let folder = children.join(&name);
                match &module.content {
                    Some((_, items)) => self.read_items(items, file, &folder, inner),
                    None => self.read_file(&children.join(format!("{name}.rs")), &folder, inner),
                }
                continue;
            }
            names.extend(name(item));
            collector.visit_item(item);
        }
        let Collector { imports, globs, reexports, paths } = collector;
        self.modules.insert(at, Module { file: file.to_owned(), items: names, imports, globs, reexports, paths });
    }

    /// Returns the file that defines what `path` names in the module `at`; nothing for other crates.
    fn defining_file(&self, at: &[String], path: &[String], depth: usize) -> Option<&Path> {
        // Two globs may import each other.
        if depth > 12 {
            return None;
        }
        let mut current = at.to_vec();
        let mut is_relative = true;
        for (index, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" => current.clear(),
                "self" => {}
                "super" => drop(current.pop()),
                name => {
                    let module = self.modules.get(&current)?;
                    let child = [current.clone(), vec![name.to_owned()]].concat();
                    if self.modules.contains_key(&child) {
                        current = child;
                    } else if module.items.contains(name) {
                        return Some(&module.file);
                    } else if let Some(import) =
                        module.imports.get(name).filter(|import| !(is_relative && import[..] == path[..=index]))
                    {
                        let whole = [import.as_slice(), &path[index + 1..]].concat();
                        return self.defining_file(&current, &whole, depth + 1);
                    } else {
                        let rest = &path[index..];
                        return module.globs.iter().find_map(|glob| {
                            self.defining_file(&current, &[glob.as_slice(), rest].concat(), depth + 1)
                        });
                    }
                }
            }
            is_relative = false;
        }
        self.modules.get(&current).map(|module| module.file.as_path())
    }
}

/// Returns whether `file` holds the same module as `other` or one inside it: `a/b.rs` is inside `a.rs`.
fn is_inside(file: &Path, other: &Path) -> bool {
    let folder = if other.file_stem().is_some_and(|stem| stem == "lib") {
        other.parent().unwrap().to_owned()
    } else {
        other.with_extension("")
    };
    file == other || file.starts_with(folder)
}

/// Returns the groups of files that import each other in a circle.
pub fn cycles<'a>(imports: &BTreeMap<&'a Path, BTreeMap<&'a Path, String>>) -> Vec<BTreeSet<&'a Path>> {
    let reachable = |from: &'a Path| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(*next) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let all: BTreeMap<&Path, BTreeSet<&Path>> = imports.keys().map(|file| (*file, reachable(file))).collect();
    let mut groups = BTreeSet::new();
    for (file, seen) in &all {
        if seen.contains(file) {
            groups.insert(seen.iter().copied().filter(|other| all[other].contains(file)).collect::<BTreeSet<_>>());
        }
    }
    groups.into_iter().collect()
}

#[derive(Default)]
struct Collector {
    imports: BTreeMap<String, ModulePath>,
    globs: Vec<ModulePath>,
    reexports: BTreeSet<String>,
    paths: BTreeSet<ModulePath>,
}

impl Collector {
    fn import(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) if name.ident == "self" => {
                self.imports.insert(before.last().cloned().unwrap_or_default(), before.to_vec());
            }
            UseTree::Name(name) => {
                self.imports.insert(name.ident.to_string(), with(name.ident.to_string()));
            }
            UseTree::Rename(rename) => {
                self.imports.insert(rename.rename.to_string(), with(rename.ident.to_string()));
            }
            UseTree::Glob(_) => self.globs.push(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
        }
    }

    /// Collects `a::b` of a macro's tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: ModulePath = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                    colons = 0;
                }
                _ => {
                    self.end(&mut path);
                    colons = 0;
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut ModulePath) {
        let path = std::mem::take(path);
        if !path.is_empty() {
            self.paths.insert(path);
        }
    }
}

impl<'a> Visit<'a> for Collector {
    fn visit_item(&mut self, item: &'a Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let before: BTreeSet<String> = self.imports.keys().cloned().collect();
        self.import(&item.tree, &[]);
        if !matches!(item.vis, Visibility::Inherited) {
            self.reexports.extend(self.imports.keys().filter(|name| !before.contains(*name)).cloned());
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.end(&mut segments);
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|argument| argument.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
