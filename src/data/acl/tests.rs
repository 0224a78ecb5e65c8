//! Rules, and what users may do by them.

use super::*;
use crate::data::command::spec::{self, acl};
use proptest::prelude::*;

fn user(rules: &str) -> User {
    let mut users = Users::new(b"");
    let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    users.set(b"u", &words, false).unwrap_or_else(|error| panic!("{error}"));
    User::clone(users.get(b"u").expect("it was set"))
}

fn refusal(rules: &str) -> String {
    let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    let mut users = Users::new(b"");
    let refused = users.set(b"u", &words, false).expect_err(rules);
    assert!(users.get(b"u").is_none(), "a refused change changes nothing");
    refused
}

fn line(user: &User) -> String {
    String::from_utf8(user.line()).expect("rules of these tests are text")
}

fn check(user: &User, command: &str) -> Result<(), Denied> {
    let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
    user.check(spec::lookup(&args).expect(command), &args)
}

#[test]
fn a_user_is_told_as_it_can_be_set_again() {
    assert_eq!(line(&user("")), "user u off resetchannels -@all");
    assert_eq!(line(&user("on nopass ~* &* +@all")), "user u on nopass ~* &* +@all");
    assert_eq!(
        line(&user("reset ~a %R~b %RW~c %W~d &x")),
        "user u off sanitize-payload ~a %R~b ~c %W~d resetchannels &x -@all"
    );
    assert_eq!(line(&user("+get (+set ~k)")), "user u off resetchannels -@all +get (~k resetchannels -@all +set)");
    assert_eq!(line(&user("%R~a %W~a")), "user u off ~a resetchannels -@all");
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assert_eq!(line(&user(">secret")), format!("user u off #{hash} resetchannels -@all"));
    assert_eq!(line(&user(&format!("#{hash} <secret"))), "user u off resetchannels -@all");
}

#[test]
fn the_default_user_may_do_everything() {
    let users = Users::new(b"");
    assert_eq!(line(users.default_user()), "user default on nopass ~* &* +@all");
    assert!(users.default_user().is_unrestricted() && users.default_user().is_open());
    let locked = Users::new(b"x");
    assert!(!locked.default_user().is_open() && locked.default_user().accepts(b"x"));
}

#[test]
fn commands_are_told_by_categories_where_those_fit() {
    let rules = |rules: &str| String::from_utf8(user(rules).root().command_rules().to_vec()).expect("text");
    for (_, name) in acl::NAMES {
        assert_eq!(rules(&format!("+@all -@{name}")), format!("+@all -@{name}"));
        assert_eq!(rules(&format!("-@all +@{name}")), format!("-@all +@{name}"));
    }
    assert_eq!(rules("+@string -append"), "-@all +@string -append");
    assert_eq!(rules("+config"), "-@all +config");
    assert_eq!(rules("+config|get"), "-@all +config|get");
    assert_eq!(rules("+@all -config|set"), "+@all -config|set");
    assert_eq!(rules("+select|0 +select|1 +select|0"), "-@all +select|0 +select|1");
    assert_eq!(rules("+select|0 -select"), "-@all");
}

#[test]
fn what_is_no_rule_is_refused_in_redis_words() {
    let modifier = |rule: &str, why: &str| format!("Error in ACL SETUSER modifier '{rule}': {why}");
    for (rule, why) in [
        // CVE-2024-31227, CVE-2024-51741.
        ("%", "Syntax error"),
        ("%~", "Syntax error"),
        ("%~a", "Syntax error"),
        ("%RR~a", "Syntax error"),
        ("%X~a", "Syntax error"),
        ("nonsense", "Syntax error"),
        ("+debug|", "Syntax error"),
        ("+", "Unknown command or category name in ACL"),
        ("+nonsense", "Unknown command or category name in ACL"),
        ("+@nonsense", "Unknown command or category name in ACL"),
        ("+config|nonsense", "Unknown command or category name in ACL"),
        ("-select|0", "Unknown command or category name in ACL"),
        ("+config|get|a", "Allowing first-arg of a subcommand is not supported"),
        ("<absent", "The password you are trying to remove from the user does not exist"),
        ("(+nonsense)", "Unknown command or category name in ACL"),
        ("(on)", "Syntax error"),
        ("(\")", "Syntax error"),
    ] {
        assert_eq!(refusal(rule), modifier(rule, why));
    }
    assert!(refusal("#abc").contains("exactly 64 characters"));
    assert!(refusal("allkeys ~a").contains("'resetkeys'"));
    assert!(refusal("allchannels &a").contains("'resetchannels'"));
    assert_eq!(refusal("on (+get"), "Unmatched parenthesis in acl selector starting at '(+get'.");
    assert_eq!(user("(+get ~a) clearselectors"), user(""));
}

#[test]
fn a_command_needs_one_selector_that_allows_all_of_it() {
    let user = user("+get ~a* (+set %W~b*) (+@pubsub &news*)");
    assert_eq!(check(&user, "GET a1"), Ok(()));
    assert_eq!(check(&user, "GET b1"), Err(Denied::Key(1)));
    assert_eq!(check(&user, "SET b1 x"), Ok(()));
    assert_eq!(check(&user, "SET b1 x GET"), Err(Denied::Key(1)), "it reads, too");
    assert_eq!(check(&user, "SET a1 x"), Err(Denied::Key(1)));
    assert_eq!(check(&user, "DEL a1"), Err(Denied::Command));
    assert_eq!(check(&user, "SUBSCRIBE news1 news2"), Ok(()));
    assert_eq!(check(&user, "SUBSCRIBE news1 other"), Err(Denied::Channel(2)));
    assert_eq!(check(&user, "PSUBSCRIBE news*"), Ok(()), "a pattern must be the very one of a rule");
    assert_eq!(check(&user, "PSUBSCRIBE news1"), Err(Denied::Channel(1)));
    assert_eq!(check(&user, "UNSUBSCRIBE other"), Ok(()));
    assert_eq!(check(&user, "SPUBLISH other x"), Err(Denied::Channel(1)));
    assert_eq!(check(&user, "AUTH x"), Ok(()), "whoever may not even say who it is could never do anything");
}

#[test]
fn first_arguments_can_be_allowed_alone() {
    let user = user("+select|0 +debug|sleep");
    assert_eq!(check(&user, "SELECT 0"), Ok(()));
    assert_eq!(check(&user, "SELECT 1"), Err(Denied::Command));
    assert_eq!(check(&user, "DEBUG sleep 0"), Ok(()));
}

#[test]
fn sort_needs_all_keys_for_patterns() {
    let refused = |rules: &str, command: &str| {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let spec = spec::lookup(&args).expect(command);
        sort_refusal(&user(rules), spec, &args).map_err(|error| error.to_string()).err()
    };
    let denied =
        |option: &str| Some(format!("ERR {option} option of SORT denied due to insufficient ACL permissions."));
    assert_eq!(refused("+sort ~l", "SORT l BY w*"), denied("BY"));
    assert_eq!(refused("+sort ~l", "SORT l BY nosort"), None);
    assert_eq!(refused("+sort ~l", "SORT l LIMIT 0 1 GET #"), denied("GET"));
    assert_eq!(refused("+sort ~l (%R~* +sort)", "SORT l BY w*"), None);
    assert_eq!(refused("+sort ~l %W~*", "SORT l BY w*"), denied("BY"));
    assert_eq!(refused("+sort ~l", "SORT l STORE by GET x"), denied("GET"));
    for wrong in ["SORT l nonsense BY w*", "SORT l LIMIT 0 x GET #", "SORT_RO l STORE x GET #", "SORT l BY"] {
        assert_eq!(refused("+sort +sort_ro ~l", wrong), None, "{wrong}: a wrong option comes first");
    }
    assert_eq!(refused("+get", "GET get"), None);
}

#[test]
fn a_file_of_users_is_read_whole_or_not_at_all() {
    let before = Users::new(b"");
    let text = b"user alice on nopass ~* +@all\n\nuser bob off (+get ~a) (+set  ~b)\r\n";
    let users = before.read("f", text, false).unwrap();
    let names: Vec<&[u8]> = users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, [&b"alice"[..], b"bob", b"default"]);
    let wrong = b"user alice on\nuser alice off\nnonsense\nuser carol +nonsense ~* ~a\nuser dave (+get";
    let errors = before.read("f", wrong, false).map(|_| ()).unwrap_err();
    for error in [
        "WARNING: Duplicate user 'alice' found on line 2. ",
        "f:3 should start with user keyword followed by the username. ",
        "f:4: Error in applying operation '+nonsense': Unknown command or category name in ACL. ",
        "f:4: Adding a pattern after the * pattern",
        "f:5: Unmatched parenthesis in selector definition.",
        "no change to the previously active ACL rules was performed",
    ] {
        assert!(errors.contains(error), "{errors}");
    }
}

#[test]
fn who_has_the_name_of_a_deleted_user_is_another_user() {
    let mut users = Users::new(b"");
    users.set(b"u", &[], false).unwrap();
    let first = users.get(b"u").unwrap().clone();
    users.set(b"u", &[b"on"], false).unwrap();
    assert!(users.successor(&first).is_some_and(|user| user.is_enabled()));
    assert!(users.remove(b"u") && !users.remove(b"u") && !users.remove(DEFAULT));
    users.set(b"u", &[], false).unwrap();
    assert!(users.successor(&first).is_none());
    let loaded = users.read("f", b"user u on", false).unwrap();
    assert!(loaded.successor(users.get(b"u").unwrap()).is_none(), "a file makes new users");
    assert!(loaded.successor(users.default_user()).is_some(), "but for the default user");
}

#[test]
fn denials_that_are_alike_are_one_entry() {
    let entry = |object: &str, at: u64| Entry {
        count: 1,
        reason: Reason::Key,
        context: Context::TopLevel,
        object: object.into(),
        user: (*b"u").into(),
        at,
        client: String::new(),
    };
    let mut log = DenialLog::default();
    for (object, at) in [("a", 1), ("b", 2), ("a", 3), ("a", 100_000), ("c", 100_001)] {
        log.record(entry(object, at), 3);
    }
    let told = |log: &DenialLog| {
        let entries = log.entries();
        entries.iter().map(|entry| (entry.object.clone(), entry.count, entry.at)).collect::<Vec<_>>()
    };
    assert_eq!(told(&log), [(b"c".to_vec(), 1, 100_001), (b"a".to_vec(), 1, 100_000), (b"a".to_vec(), 2, 3)]);
    let merged = DenialLog::merge([log.entries(), vec![entry("c", 100_050)]], 2);
    assert_eq!(told(&merged), [(b"c".to_vec(), 2, 100_050), (b"a".to_vec(), 1, 100_000)]);
}

/// Words that rules are made of, and some that only look like rules.
fn rule() -> impl Strategy<Value = Vec<u8>> {
    let fixed = [
        "on",
        "off",
        "nopass",
        "resetpass",
        "reset",
        "allkeys",
        "resetkeys",
        "allchannels",
        "resetchannels",
        "+@all",
        "-@all",
        "clearselectors",
        "+config",
        "-config",
        "+config|get",
        "-config|get",
        "+select|0",
        "-select",
        "~a*",
        "%R~b",
        "%W~b",
        "%RW~",
        "&c",
        ">p",
        "<p",
        "sanitize-payload",
        "skip-sanitize-payload",
        "(+get ~x)",
        "(%R~y -@all +@read &z)",
        "(",
        ")",
        "()",
        "(~a",
        "b)",
        "+get|",
        "|",
        "%",
        "~",
        "&",
        "#",
        "!",
    ];
    let category = (any::<bool>(), 0..acl::NAMES.len())
        .prop_map(|(plus, at)| format!("{}@{}", if plus { '+' } else { '-' }, acl::NAMES[at].1).into_bytes());
    let command = (any::<bool>(), 0..spec::COUNT)
        .prop_map(|(plus, at)| format!("{}{}", if plus { '+' } else { '-' }, spec::all()[at].full_name()).into_bytes());
    prop_oneof![
        4 => proptest::sample::select(fixed.to_vec()).prop_map(|rule| rule.as_bytes().to_vec()),
        2 => category,
        4 => command,
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn the_line_of_any_user_makes_the_same_user(rules in proptest::collection::vec(rule(), 0..24)) {
        let mut users = Users::new(b"");
        for rule in &rules {
            let _ = users.set(b"u", &[rule], false);
        }
        let Some(user) = users.get(b"u") else { return Ok(()) };
        let line = user.line();
        if !line.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') || line.contains(&b'"') || line.contains(&b'\'') {
            return Ok(()); // Such a file can't be written by hand either.
        }
        let again = Users::new(b"").read("f", &line, false);
        let again = again.map_err(TestCaseError::fail)?;
        prop_assert_eq!(again.get(b"u").map(|user| user.line()), Some(line));
    }

    #[test]
    fn no_rules_make_a_panic(rules in proptest::collection::vec(rule(), 0..24)) {
        let words: Vec<&[u8]> = rules.iter().map(Vec::as_slice).collect();
        let mut users = Users::new(b"");
        let _ = users.set(b"u", &words, true);
        let _ = users.read("f", &words.join(&b' '), true);
        let _ = users.define(&[(b"u".to_vec(), rules)], false);
    }

    /// A user with one selector may do what the bits say, which single rules set one after the other.
    #[test]
    fn commands_follow_the_last_rule_about_them(rules in proptest::collection::vec((any::<bool>(), 0..spec::COUNT), 0..40)) {
        let mut users = Users::new(b"");
        let mut model = vec![false; spec::COUNT];
        users.set(b"u", &[b"allkeys", b"allchannels"], false).unwrap();
        for (plus, at) in rules {
            let spec = &spec::all()[at];
            let rule = format!("{}{}", if plus { '+' } else { '-' }, spec.full_name());
            users.set(b"u", &[rule.as_bytes()], false).unwrap();
            model[at] = plus;
            spec.subcommands().iter().for_each(|sub| model[sub.id()] = plus);
        }
        let user = users.get(b"u").unwrap();
        for spec in spec::all() {
            let allowed = model[spec.id()] || spec.is(spec::flag::NO_AUTH);
            prop_assert_eq!(user.check(spec, &[b"x"]).is_ok(), allowed, "{}", spec.full_name());
        }
    }
}
