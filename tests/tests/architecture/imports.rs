//! What the modules of a crate use of each other: in `use`, in paths, and in what is given to macros. Tests do not count, nor
//! does what a module re-exports of its own parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemUse, Macro, UseTree, Visibility};

use crate::Graph;

/// The modules of one crate, by path without `crate`; the root is the empty one.
pub(crate) struct Imports(Graph);

impl Imports {
    /// Reads the crate in `src`, without the programs in `src/bin`, which are crates of their own.
    pub(crate) fn of(src: &Path) -> Self {
        let mut sources = BTreeMap::new();
        read(src, "", &mut sources);
        let names: BTreeSet<String> = sources.keys().cloned().collect();
        let uses = |(name, source): (String, syn::File)| {
            let mut reader = Reader {
                module: &name,
                modules: &names,
                used: BTreeSet::new(),
            };
            reader.visit_file(&source);
            let mut used = reader.used;
            used.remove(&name);
            (name, used)
        };
        Self(sources.into_iter().map(uses).collect())
    }

    /// Module by module.
    pub(crate) const fn files(&self) -> &Graph {
        &self.0
    }

    /// The modules that have parts.
    pub(crate) fn parents(&self) -> BTreeSet<&str> {
        let parent = |name: &'_ str| name.rfind("::").map_or(0, |end| end);
        self.0
            .keys()
            .filter(|name| !name.is_empty())
            .map(|name| &name[..parent(name)])
            .collect()
    }

    /// The parts of a module, each with all that is below it, and what each uses of the others.
    pub(crate) fn parts_of(&self, module: &str) -> Graph {
        let part = |name: &str| {
            let below = if module.is_empty() {
                Some(name)
            } else {
                name.strip_prefix(module)?.strip_prefix("::")
            };
            below?
                .split("::")
                .next()
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
        };
        let mut graph = Graph::new();
        for (name, used) in &self.0 {
            if let Some(from) = part(name) {
                let used = used
                    .iter()
                    .filter_map(|used| part(used))
                    .filter(|used| *used != from);
                let used: BTreeSet<_> = used.collect();
                graph.entry(from).or_default().extend(used);
            }
        }
        graph
    }
}

fn read(directory: &Path, module: &str, sources: &mut BTreeMap<String, syn::File>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name");
        if module.is_empty() && stem == "bin" {
            continue;
        }
        let is_root = module.is_empty() && stem == "lib";
        let name = match stem {
            "mod" => module.to_owned(),
            _ if is_root => String::new(),
            _ if module.is_empty() => stem.to_owned(),
            _ => format!("{module}::{stem}"),
        };
        if path.is_dir() {
            read(&path, &name, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a file");
            sources.insert(name, syn::parse_file(&text).expect("Rust"));
        }
    }
}

struct Reader<'a> {
    module: &'a str,
    modules: &'a BTreeSet<String>,
    used: BTreeSet<String>,
}

impl Reader<'_> {
    /// The module that a path begins with, if it is one of this crate's.
    fn resolve(&self, path: &[String]) -> Option<String> {
        let join = |module: &str, part: &str| match module {
            "" => part.to_owned(),
            _ => format!("{module}::{part}"),
        };
        let mut rest = path.iter();
        let mut module = match rest.clone().next()?.as_str() {
            "crate" => rest.next().map(|_| String::new())?,
            "self" => rest.next().map(|_| self.module.to_owned())?,
            "super" => self.module.to_owned(),
            first => Some(self.module.to_owned())
                .filter(|own| self.modules.contains(&join(own, first)))?,
        };
        for part in rest {
            if part == "super" {
                module.truncate(module.rfind("::").unwrap_or(0));
            } else if self.modules.contains(&join(&module, part)) {
                module = join(&module, part);
            } else {
                break;
            }
        }
        Some(module)
    }

    fn add(&mut self, path: &[String], is_exported: bool) {
        let below = |module: &str| {
            self.module.is_empty() || module.starts_with(&format!("{}::", self.module))
        };
        self.used.extend(
            self.resolve(path)
                .filter(|module| !is_exported || !below(module)),
        );
    }

    fn add_tree(&mut self, tree: &UseTree, mut path: Vec<String>, is_exported: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                return self.add_tree(&step.tree, path, is_exported);
            }
            UseTree::Group(group) => {
                let trees = group.items.iter();
                return trees.for_each(|tree| self.add_tree(tree, path.clone(), is_exported));
            }
            UseTree::Name(name) => path.push(name.ident.to_string()),
            UseTree::Rename(name) => path.push(name.ident.to_string()),
            UseTree::Glob(_) => {}
        }
        self.add(&path, is_exported);
    }

    /// Paths in the tokens of a macro.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(part) => path.push(part.to_string()),
                TokenTree::Punct(colon) if colon.as_char() == ':' => {}
                other => {
                    self.add_path(&mut path);
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_path(&mut path);
    }

    fn add_path(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.add(path, false);
        }
        path.clear();
    }
}

/// Whether something is there for tests alone.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    let mut conditions = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.any(|condition| {
        condition
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_file(&mut self, file: &'ast syn::File) {
        // Tests lie beside what they test: `x/tests.rs`, declared by `x`.
        let is_test = self
            .module
            .split("::")
            .any(|part| part == "tests" || part.starts_with("tests_"));
        if !is_test && !is_for_tests(&file.attrs) {
            visit::visit_file(self, file);
        }
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_exported = !matches!(item.vis, Visibility::Inherited);
        self.add_tree(&item.tree, Vec::new(), is_exported);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if parts.len() > 1 {
            self.add(&parts, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.add_tokens(call.tokens.clone());
    }
}
