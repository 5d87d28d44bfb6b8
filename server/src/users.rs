//! `sentinel user add`: the first account, and others, without a running server.

use crate::{
    auth::password::{self, PasswordCost, hash_now},
    clock::Clock,
    data_folder::DataFolder,
    directory::Directory,
    ports::{Change, ScopeRecord, UserRecord},
    sqlite::SqliteRegistry,
};
use anyhow::Context;
use sentinel_model::{Level, Role, Scope, UserName};
use std::{io::BufRead, path::PathBuf, sync::Arc};

#[derive(clap::Subcommand)]
pub enum UserCommand {
    /// Make an account; the password is read from standard input
    Add(AddArgs),
}

#[derive(clap::Args)]
pub struct AddArgs {
    /// The server's data folder; stop the server first
    #[arg(long, env = "SENTINEL_DATA", default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// The name to sign in with
    username: UserName,
    /// admin, commander, dispatcher, chief or viewer
    #[arg(long, default_value = "admin", value_parser = role)]
    role: Role,
    /// What the person may see; a district that is not there yet is made
    #[arg(long, default_value = "district:1")]
    scope: Scope,
}

fn role(text: &str) -> Result<Role, String> {
    let known = || Role::ALL.map(Role::as_str).join(", ");
    Role::ALL
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| format!("the roles are {}", known()))
}

pub async fn run(UserCommand::Add(args): UserCommand) -> anyhow::Result<()> {
    let folder = DataFolder::take(&args.data)?;
    let registry = SqliteRegistry::open(&folder.records())?;
    let directory = Directory::load(Arc::new(registry), Clock::system().now()).await?;
    let changing = directory.change().await;
    anyhow::ensure!(
        directory.user(args.username.as_str()).is_none(),
        "there is an account {} already; change it in the dashboard or by the API",
        args.username
    );
    let mut changes = Vec::new();
    if directory.scope(args.scope).is_none() {
        anyhow::ensure!(
            args.scope.level == Level::District,
            "there is no {} in {}; begin with --scope district:1",
            args.scope,
            args.data.display()
        );
        let name = format!("District {}", args.scope.id);
        changes.push(Change::PutScope(ScopeRecord {
            scope: args.scope,
            name,
            parent: None,
            path: None,
            site: None,
        }));
    }
    eprintln!("Password for {} (one line on standard input):", args.username);
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password).context("the password could not be read")?;
    let password = password.trim_end_matches(['\r', '\n']);
    password::check(args.username.as_str(), password).map_err(anyhow::Error::msg)?;
    changes.push(Change::PutUser(UserRecord {
        username: args.username.clone(),
        name: args.username.to_string(),
        role: args.role,
        scope: args.scope,
        disabled: false,
        password_hash: hash_now(PasswordCost::default(), password)?,
        credentials_version: 0,
    }));
    changing.commit(changes).await?;
    println!("{} may sign in as {} of {}", args.username, args.role.as_str(), args.scope);
    Ok(())
}
