//! What a caller may see and do, over hierarchies of any shape.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[tokio::test]
async fn a_device_posts_for_itself_and_sees_nothing() {
    let world = World::small().await;
    let token = world.unit("PC-001", PATH).await;
    world.unit("PC-002", PATH).await;
    let caller = world.caller("authorization", &bearer(&token));
    let unit = |id: &str| world.directory.unit(&id.parse().expect("a good id")).expect("is there");
    assert!(caller.may_ingest(&unit("PC-001")) && !caller.may_ingest(&unit("PC-002")));
    for scope in PATH.scopes() {
        assert!(caller.view(&world.directory, scope).is_err());
        assert!(!caller.may_manage(&world.directory, scope));
    }
    assert!(!caller.may_view(&PATH) && !caller.may_run_patrol(&PATH) && !caller.may_dispatch(&PATH));
}

#[tokio::test]
async fn a_unit_lent_to_a_neighbour_is_posted_for_by_both() {
    let world = World::small().await;
    world.unit("PC-001", PATH).await;
    let id: UnitId = "PC-001".parse().expect("a good id");
    let patrol = Patrol {
        id: PatrolId(1),
        unit_id: id.clone(),
        station: Scope::station(6),
        started_at: Time(START),
        ended_at: None,
    };
    world.put(vec![Change::PutPatrol(patrol)]).await;
    let unit = world.directory.unit(&id).expect("is there");
    for (station, may) in [(5, true), (6, true), (7, false)] {
        let (_, key) = world.key(Scope::station(station), &[Permission::Ingest]).await;
        assert_eq!(world.caller("x-api-key", &key).may_ingest(&unit), may, "station:{station}");
    }
}

#[test]
fn rights_passed_on_are_never_more_than_held() {
    let roles = Role::ALL.map(Rights::of_role);
    let all = [Permission::Ingest, Permission::Read, Permission::Dispatch, Permission::Manage];
    assert!(roles.iter().all(|role| role.within(Rights::of_role(Role::Admin))));
    assert!(roles.iter().all(|role| !Rights::of_role(Role::Admin).within(*role) || *role == roles[0]));
    assert!(Rights::of_permissions(&all).within(Rights::of_role(Role::Admin)));
    let manage_only = Rights::of_permissions(&[Permission::Manage]);
    assert!(!Rights::of_role(Role::Viewer).within(manage_only), "who cannot see cannot let others see");
}

/// Parents by node, widest level first, of any shape: several districts, empty zones.
type Tree = BTreeMap<Scope, Option<Scope>>;

fn trees() -> impl Strategy<Value = Tree> {
    let pick = || proptest::collection::vec(any::<prop::sample::Index>(), 0..6);
    (1..4u32, pick(), pick(), pick()).prop_map(|(districts, zones, divisions, stations)| {
        let mut tree: Tree = (1..=districts).map(|n| (Scope::new(Level::District, n), None)).collect();
        for (level, picks) in [(Level::Zone, zones), (Level::Division, divisions), (Level::Station, stations)]
        {
            let parents: Vec<Scope> =
                tree.keys().copied().filter(|scope| Some(scope.level) == level.parent()).collect();
            for (number, pick) in (1..).zip(picks) {
                if !parents.is_empty() {
                    tree.insert(Scope::new(level, number), Some(*pick.get(&parents)));
                }
            }
        }
        tree
    })
}

/// The scope and everything above it, straight from the tree.
fn chain(tree: &Tree, scope: Scope) -> Vec<Scope> {
    std::iter::successors(Some(scope), |at| tree.get(at).copied().flatten()).collect()
}

fn path_of(tree: &Tree, station: Scope) -> Option<ScopePath> {
    let chain = chain(tree, station);
    let [station, division, zone, district] = chain[..] else { return None };
    Some(ScopePath { district: district.id, zone: zone.id, division: division.id, station: station.id })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_caller_sees_exactly_its_scope_and_what_lies_below(
        tree in trees(),
        home in any::<prop::sample::Index>(),
        role in prop::sample::select(Role::ALL.to_vec()),
        permissions in prop::sample::subsequence(
            vec![Permission::Ingest, Permission::Read, Permission::Dispatch, Permission::Manage], 0..=4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new().await;
            let nodes = tree.iter().map(|(scope, parent)| Change::PutScope(ScopeRecord {
                scope: *scope,
                name: "x".into(),
                parent: *parent,
                path: path_of(&tree, *scope),
                site: None,
                filters: None, alert_rules: None,
            }));
            world.put(nodes.collect()).await;
            let scopes: Vec<Scope> = tree.keys().copied().collect();
            let home = *home.get(&scopes);
            let user = world.user("someone", role, home).await;
            let (_, key) = world.key(home, &permissions).await;
            let cookie = world.session(&user).await;
            let person = world.caller("cookie", &cookie);
            let program = world.caller("x-api-key", &key);
            assert_eq!((person.home_scope(), program.home_scope()), (home, home));

            let reads = permissions.contains(&Permission::Read);
            let manages = permissions.contains(&Permission::Manage);
            for scope in &scopes {
                let below = chain(&tree, *scope).contains(&home);
                assert_eq!(person.view(&world.directory, *scope).is_ok(), below, "{scope} from {home}");
                assert_eq!(program.view(&world.directory, *scope).is_ok(), below && reads);
                assert_eq!(person.may_manage(&world.directory, *scope), below && role == Role::Admin);
                assert_eq!(program.may_manage(&world.directory, *scope), below && manages);
                let along = below || chain(&tree, home).contains(scope);
                assert_eq!(person.may_view_along(&world.directory, *scope), along);
                assert_eq!(program.may_view_along(&world.directory, *scope), along && reads);
                let keeps = matches!(role, Role::Admin | Role::Commander | Role::Dispatcher);
                assert_eq!(person.may_keep_fences(&world.directory, *scope), below && keeps);
                let keeps = manages || permissions.contains(&Permission::Dispatch);
                assert_eq!(program.may_keep_fences(&world.directory, *scope), below && keeps);
                if let Some(path) = path_of(&tree, *scope) {
                    assert_eq!(person.may_view(&path), below);
                    assert_eq!(program.may_view(&path), below && reads);
                    let runs = matches!(role, Role::Admin | Role::Commander | Role::Chief);
                    assert_eq!(person.may_run_patrol(&path), below && runs);
                    let sends = matches!(role, Role::Admin | Role::Commander | Role::Dispatcher);
                    assert_eq!(person.may_dispatch(&path), below && sends);
                    let grant = person.view(&world.directory, home).expect("its own");
                    assert_eq!(grant.covers(&path), below);
                }
            }
            for level in Level::ALL {
                assert!(person.view(&world.directory, Scope::new(level, 99)).is_err(), "what does not exist");
            }
        });
    }
}

#[tokio::test]
async fn one_caller_holds_no_more_than_its_share_and_takes_nobody_else_s() {
    let world = World::small().await;
    let chief = world.user("chief5", Role::Chief, Scope::station(5)).await;
    // Another sign-in of the same person is no further share.
    let sign_ins = [world.session(&chief).await, world.session(&chief).await];
    let [first, again] = sign_ins.map(|cookie| world.caller("cookie", &cookie));
    let (_, key) = world.key(Scope::station(5), &[Permission::Read]).await;
    let key = world.caller("x-api-key", &key);
    let shares = Shares::of("2".parse().expect("a number"));
    let held = [shares.take(&first), shares.take(&again)];
    assert!(held.iter().all(Option::is_some) && shares.take(&first).is_none());
    assert!(shares.take(&key).is_some(), "somebody else's share is another");
    drop(held);
    assert!(shares.take(&again).is_some(), "what is given back is there again");
    let endless = Shares::of("off".parse().expect("no limit"));
    let many: Vec<_> = (0..1000).map(|_| endless.take(&first)).collect();
    assert!(many.iter().all(Option::is_some));
    assert!("0".parse::<Most>().is_err() && "many".parse::<Most>().is_err());
}
