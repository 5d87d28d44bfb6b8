//! `sentinel user add`: the first account, and others, from a shell.

use crate::{
    auth::password::{self, PasswordCost, hash_now},
    clock::Clock,
    config::{Place, PlaceArgs},
    ports::{Change, ScopeRecord, UserRecord},
    wiring::Offline,
};
use anyhow::Context;
use sentinel_model::{Level, Role, Scope, UserName};
use std::io::{BufRead, IsTerminal};

#[derive(clap::Subcommand)]
pub enum UserCommand {
    /// Make an account; the password is asked for, or read as one line of standard input.
    /// A data folder must be in no server's use; with --redis-url and --mongodb-url, nodes
    /// may run, and know the account at once
    Add(AddArgs),
}

#[derive(clap::Args)]
pub struct AddArgs {
    #[command(flatten)]
    place: PlaceArgs,
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
    let place = args.place.clone().settle()?;
    let installation = Offline::open(&place).await?;
    let outcome = add(&args, &place, &installation).await;
    installation.end().await;
    outcome
}

async fn add(args: &AddArgs, place: &Place, installation: &Offline) -> anyhow::Result<()> {
    let directory = installation.directory(&Clock::system()).await?;
    let taken = || {
        anyhow::anyhow!(
            "there is an account {0} already; with the server running, an admin changes it by PATCH /api/v1/users/{0}",
            args.username
        )
    };
    // Before the password is asked for; and again within the change.
    if directory.user(args.username.as_str()).is_some() {
        return Err(taken());
    }
    anyhow::ensure!(
        directory.scope(args.scope).is_some() || args.scope.level == Level::District,
        "there is no {} in {place}; begin with --scope district:1",
        args.scope
    );
    let password = ask_password(&args.username)?;
    let user = UserRecord {
        username: args.username.clone(),
        name: args.username.to_string(),
        role: args.role,
        scope: args.scope,
        disabled: false,
        password_hash: hash_now(PasswordCost::default(), &password)?,
        credentials_version: 0,
    };
    let top = ScopeRecord {
        scope: args.scope,
        name: format!("District {}", args.scope.id),
        parent: None,
        path: None,
        site: None,
        filters: None,
        alert_rules: None,
    };
    directory
        .change(|| {
            if directory.user(args.username.as_str()).is_some() {
                return Err(taken());
            }
            let first = directory.scope(args.scope).is_none().then(|| Change::PutScope(top.clone()));
            Ok((first.into_iter().chain([Change::PutUser(user.clone())]).collect(), ()))
        })
        .await?;
    println!("{} may sign in as {} of {}", args.username, args.role.as_str(), args.scope);
    Ok(())
}

/// On a terminal unseen and twice; from a script one line.
fn ask_password(username: &UserName) -> anyhow::Result<String> {
    const UNREAD: &str = "the password could not be read";
    let stdin = std::io::stdin();
    let check = |password: &str| password::check(username.as_str(), password).map_err(anyhow::Error::msg);
    if !stdin.is_terminal() {
        let mut line = String::new();
        stdin.lock().read_line(&mut line).context(UNREAD)?;
        let password = line.trim_end_matches(['\r', '\n']);
        check(password)?;
        return Ok(password.to_owned());
    }
    let password = rpassword::prompt_password(format!("Password for {username}: ")).context(UNREAD)?;
    check(&password)?;
    let again = rpassword::prompt_password("The same again: ").context(UNREAD)?;
    anyhow::ensure!(password == again, "the two passwords differ; nothing was made");
    Ok(password)
}
