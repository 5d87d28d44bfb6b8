//! Every recipe is run as it is written, and prints what stands below it.

use crate::demo::{Demo, have};
use sentinel_services::skip;
use std::{
    path::Path,
    process::{Command, Output},
};

const RECIPES: &str = include_str!("../../docs/recipes.md");

struct Recipe<'a> {
    heading: &'a str,
    language: &'a str,
    program: &'a str,
    prints: &'a str,
}

/// Each block of a language, with the block of text below it.
fn recipes(page: &str) -> Vec<Recipe<'_>> {
    let mut found = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        let mut blocks =
            section.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').expect("a language"));
        while let Some((language, program)) = blocks.next() {
            let (below, prints) = blocks.next().expect("what it prints stands below it");
            assert_eq!(below, "text", "below the {language} of {heading} stands what it prints");
            found.push(Recipe { heading, language, program, prints });
        }
    }
    found
}

impl Recipe<'_> {
    fn run(&self, demo: &Demo, key: &str, folder: &Path) -> Output {
        let (with, ending) = match self.language {
            "bash" => ("bash", "sh"),
            "javascript" => ("node", "mjs"),
            "python" => ("python3", "py"),
            other => panic!("{}: nothing here runs {other}", self.heading),
        };
        let file = folder.join(format!("recipe.{ending}"));
        std::fs::write(&file, self.program).expect("it is written");
        let mut command = Command::new(with);
        if self.language == "bash" {
            command.args(["-eu", "-o", "pipefail"]);
        }
        command.arg(&file).current_dir(folder).env("SENTINEL_URL", &demo.url).env("SENTINEL_KEY", key);
        // Node.js 20 has these too, but has to be asked.
        command.env("NODE_OPTIONS", "--experimental-websocket --experimental-eventsource --no-warnings");
        command.output().expect("it runs")
    }
}

/// Whether `text` is `pattern`, where `…` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.trim().split('…');
    let Some(mut rest) = text.trim().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

#[test]
fn a_pattern_fits_what_it_leaves_open_and_nothing_else() {
    for (pattern, text, expected) in [
        ("a", "a\n", true),
        ("a", "ab", false),
        ("a…", "a", true),
        ("a … c …", "a b c d", true),
        ("a…c", "abd", false),
        ("…c", "abc", true),
        ("a…b…d", "a1b2d", true),
        ("a…b…d", "a1d", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern:?} {text:?}");
    }
}

#[tokio::test]
async fn every_recipe_prints_what_it_says() {
    for program in ["bash", "curl", "node", "python3"] {
        if !have(program) {
            return skip(program);
        }
    }
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let all = recipes(RECIPES);
    assert!(all.len() >= 20, "{} recipes", all.len());
    let mut key = String::new();
    let mut wrong = Vec::new();
    for recipe in &all {
        let output = recipe.run(&demo, &key, folder.path());
        let printed = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !fits(recipe.prints, &printed) {
            let (heading, language) = (recipe.heading, recipe.language);
            let errors = String::from_utf8_lossy(&output.stderr);
            wrong.push(format!("{heading} in {language}, {}: {printed}\n{errors}", output.status));
        }
        // The first recipe makes the key of the others, as it says.
        if let Some(made) = printed.trim().strip_prefix("snt_key_") {
            key = format!("snt_key_{made}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
