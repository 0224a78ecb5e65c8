//! String commands answer as redis-server does, to the byte.

mod common;

use common::differential::{assert_same, assert_same_in_cluster};

#[test]
fn set_and_get() {
    assert_same(
        r#"
        SET k v
        GET k
        GET missing
        SET k v NX
        SET n v NX
        SET n w XX
        SET missing w XX
        SET k w GET
        GET k
        SET missing w XX GET
        SET fresh w NX GET
        GET fresh
        SET k v NX XX
        SET k v EX 100
        TTL k
        SET k v KEEPTTL
        TTL k
        SET k v
        TTL k
        SET k v EX 0
        SET k v EX -1
        SET k v EX abc
        SET k v EX 9223372036854775807
        SET k v PX 9223372036854775807
        SET k v EXAT 4102444800
        EXPIRETIME k
        SET k v PXAT 4102444800123
        PEXPIRETIME k
        SET k v PXAT 1
        EXISTS k
        SET k v EX 10 PX 10
        SET k v EX 10 KEEPTTL
        SET k v EX
        SET k v PERSIST
        SET k v FOO
        SET k
        SET
        set k v nx ex 10
        GET
        GET a b
        SET "" empty-key
        GET ""
        SET empty-value ""
        GET empty-value
        SET "bin\x00\xff\r\nkey" "bin\x00\xff\r\nvalue"
        GET "bin\x00\xff\r\nkey"
        STRLEN "bin\x00\xff\r\nkey"
        "#,
    );
}

#[test]
fn get_with_side_effects() {
    assert_same(
        r#"
        SET k v
        GETEX k
        GETEX k EX 100
        TTL k
        GETEX k PERSIST
        TTL k
        GETEX k PXAT 4102444800123
        PEXPIRETIME k
        GETEX k EXAT 4102444800
        EXPIRETIME k
        GETEX k EX 0
        GETEX k EX 10 PERSIST
        GETEX k KEEPTTL
        GETEX k FOO
        GETEX missing EX 10
        GETEX k EX 9223372036854775807
        GETEX k PXAT 1
        EXISTS k
        SET k v
        GETDEL k
        GETDEL k
        GETSET k new
        GETSET k newer
        GET k
        SET t v EX 100
        GETSET t w
        TTL t
        GETDEL
        GETSET k
        "#,
    );
}

#[test]
fn older_ways_to_set() {
    assert_same(
        r#"
        SETNX k v
        SETNX k w
        SETEX k 100 v
        TTL k
        SETEX k 0 v
        SETEX k -5 v
        SETEX k abc v
        SETEX k 9223372036854775807 v
        PSETEX k 100000 v
        TTL k
        PSETEX k 0 v
        SETEX k 10
        SETNX k
        "#,
    );
}

#[test]
fn many_keys_at_once() {
    assert_same(
        r#"
        MSET a 1 b 2 c 3
        MGET a b c missing a
        MSET a 1 b
        MSET
        MGET
        MSETNX a 1 z 2
        GET z
        MSETNX y 1 z 2
        MGET y z
        MSETNX y 1 z
        MSET d 1 d 2
        GET d
        MSETNX e 1 e 2
        GET e
        SET t v EX 100
        MSET t w
        TTL t
        "#,
    );
}

#[test]
fn append_and_ranges() {
    assert_same(
        r#"
        APPEND k hello
        APPEND k " world"
        GET k
        STRLEN k
        STRLEN missing
        GETRANGE k 0 4
        GETRANGE k -5 -1
        GETRANGE k 0 -1
        GETRANGE k 5 2
        GETRANGE k -100 100
        GETRANGE k 100 200
        GETRANGE missing 0 -1
        GETRANGE k a b
        SUBSTR k 0 4
        SETRANGE k 6 there
        GET k
        SETRANGE k 20 x
        GET k
        SETRANGE k -1 x
        SETRANGE k 536870912 x
        SETRANGE k 9223372036854775807 x
        SETRANGE k abc x
        SETRANGE missing 0 ""
        EXISTS missing
        SETRANGE missing 3 x
        GET missing
        SETRANGE k 0 ""
        SET number 12345
        APPEND number 678
        GETRANGE number 2 4
        SETRANGE number 0 9
        GET number
        INCR number
        SET t v EX 100
        APPEND t w
        TTL t
        APPEND k
        "#,
    );
}

#[test]
fn counters() {
    assert_same(
        r#"
        INCR k
        INCR k
        DECR k
        INCRBY k 10
        DECRBY k 3
        GET k
        SET k abc
        INCR k
        DECRBY k 1
        SET k " 1"
        INCR k
        SET k 01
        INCR k
        SET k +1
        INCR k
        SET k -0
        INCR k
        SET k ""
        INCR k
        SET k 1.5
        INCR k
        SET k 9223372036854775807
        INCR k
        INCRBY k 1
        DECR k
        SET k -9223372036854775808
        DECR k
        DECRBY k 1
        INCRBY k -1
        DECRBY k -9223372036854775808
        SET k 9223372036854775808
        INCR k
        INCRBY n abc
        INCRBY n 9223372036854775808
        INCRBY n 1.0
        SET t 1 EX 100
        INCR t
        TTL t
        INCR
        INCRBY k
        "#,
    );
}

#[test]
fn float_counters() {
    assert_same(
        r#"
        SET f 10.50
        INCRBYFLOAT f 0.1
        INCRBYFLOAT f -5
        SET f 5.0e3
        INCRBYFLOAT f 2.0e2
        INCRBYFLOAT new 3
        INCRBYFLOAT new 1.23
        INCRBYFLOAT new abc
        INCRBYFLOAT new inf
        INCRBYFLOAT new nan
        INCRBYFLOAT new " 1"
        INCRBYFLOAT new 1e500
        SET f abc
        INCRBYFLOAT f 1
        SET f " 11"
        INCRBYFLOAT f 1
        SET f 17179869184
        INCRBYFLOAT f 1.5
        SET f 0.1
        INCRBYFLOAT f 0.2
        SET f 3.0e-10
        INCRBYFLOAT f 1
        SET f 1
        INCRBYFLOAT f -1.1
        SET f 1e17
        INCRBYFLOAT f 1
        SET f 123456789012345678
        INCRBYFLOAT f 0.5
        SET t 1 EX 100
        INCRBYFLOAT t 1
        TTL t
        GET t
        "#,
    );
}

#[test]
fn longest_common_subsequence() {
    assert_same(
        r#"
        MSET a ohmytext b mynewtext
        LCS a b
        LCS a b LEN
        LCS a b IDX
        LCS a b IDX MINMATCHLEN 4
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
        LCS a b IDX LEN
        LCS a b WITHMATCHLEN
        LCS a missing
        LCS a missing IDX
        LCS missing gone LEN
        LCS a b FOO
        LCS a b IDX MINMATCHLEN abc
        LCS a
        "#,
    );
}

#[test]
fn keys_and_deadlines() {
    assert_same(
        r#"
        SET a 1
        SET b 2
        EXISTS a b missing a
        TYPE a
        TYPE missing
        TOUCH a b missing
        EXPIRE a 100
        TTL a
        EXPIRE a 200 NX
        EXPIRE a 200 XX
        TTL a
        EXPIRE a 100 GT
        EXPIRE a 100 LT
        TTL a
        EXPIRE b 100 GT
        EXPIRE b 100 LT
        EXPIRE a 100 NX XX
        EXPIRE a 100 GT LT
        EXPIRE a 100 FOO
        EXPIRE a abc
        EXPIRE a 9223372036854775807
        EXPIRE a -9223372036854775808
        PEXPIRE a 9223372036854775807
        EXPIRE missing 100
        PERSIST a
        PERSIST a
        TTL a
        TTL missing
        PTTL missing
        PTTL a
        EXPIREAT a 4102444800
        EXPIRETIME a
        PEXPIRETIME a
        PEXPIREAT a 4102444800123
        PEXPIRETIME a
        EXPIRETIME missing
        SET c 1
        EXPIRETIME c
        EXPIRE c -1
        EXISTS c
        SET c 1
        EXPIREAT c 1
        GET c
        DEL a b missing
        UNLINK a b
        DEL
        DBSIZE
        "#,
    );
}

#[test]
fn renaming_and_copying() {
    assert_same(
        r#"
        SET a 1 EX 100
        RENAME a b
        TTL b
        EXISTS a
        RENAME missing x
        RENAMENX b b
        SET c 3
        RENAMENX b c
        RENAMENX c d
        RENAME d d
        COPY d e
        COPY d e
        COPY d e REPLACE
        COPY d d
        COPY missing x
        COPY d x DB 3
        COPY d x DB 99
        COPY d x DB abc
        COPY d x FOO
        SELECT 3
        GET x
        SELECT 0
        SELECT 99
        SELECT abc
        RENAME a
        "#,
    );
}

#[test]
fn encodings() {
    assert_same(
        r#"
        SET i 12345
        OBJECT ENCODING i
        SET e short
        OBJECT ENCODING e
        SET e 12345678901234567890123456789012345678901234
        OBJECT ENCODING e
        SET r 123456789012345678901234567890123456789012345
        OBJECT ENCODING r
        APPEND i 6
        OBJECT ENCODING i
        SET big 9223372036854775807
        OBJECT ENCODING big
        SET big 9223372036854775808
        OBJECT ENCODING big
        OBJECT REFCOUNT r
        OBJECT ENCODING missing
        OBJECT FREQ r
        OBJECT FOO r
        OBJECT
        "#,
    );
}

#[test]
fn transactions() {
    assert_same(
        r#"
        MULTI
        SET a 1
        INCR a
        GET b
        EXEC
        MULTI
        SET a
        EXEC
        EXEC
        DISCARD
        MULTI
        MULTI
        WATCH a
        DISCARD
        MULTI
        NOSUCH
        EXEC
        SET s x
        MULTI
        INCR s
        SET after 1
        EXEC
        GET after
        WATCH a
        2> SET a changed
        MULTI
        SET a mine
        EXEC
        GET a
        WATCH a
        2> SET a again
        UNWATCH
        MULTI
        SET a mine
        EXEC
        WATCH a b c d e f g h
        2> SET h 1
        MULTI
        GET a
        EXEC
        MULTI
        SET k1 1
        SET k2 2
        SET k3 3
        MGET k1 k2 k3
        DBSIZE
        EXEC
        WATCH
        "#,
    );
}

#[test]
fn connection_commands() {
    assert_same(
        r#"
        PING
        PING hello
        PING a b
        ECHO hello
        ECHO
        SELECT 1
        SET only-here 1
        SELECT 0
        GET only-here
        NOSUCHCOMMAND a b
        NOSUCHCOMMAND "a long argument that goes on and on and on and on and on and on and on and on and on and on and on and on and on and on"
        CLIENT SETNAME me
        CLIENT GETNAME
        CLIENT SETNAME "with space"
        CLIENT FOO
        CLIENT REPLY FOO
        AUTH x
        AUTH default x
        HELLO 1
        HELLO abc
        HELLO 3 FOO
        !HELLO 3
        GET missing
        MGET missing
        SET k v
        LCS k k IDX
        CONFIG GET appendonly
        !HELLO 2
        RESET
        CLIENT GETNAME
        COMMAND COUNT FOO
        COMMAND GETKEYS MSET a 1 b 2
        COMMAND GETKEYS GET
        COMMAND FOO
        2> SUBSCRIBE ch
        2> GET k
        2> PING
        2> UNSUBSCRIBE ch
        2> GET k
        PUBLISH ch message
        FLUSHALL FOO
        FLUSHALL SYNC
        DBSIZE
        "#,
    );
}

#[test]
fn a_cluster_answers_with_its_own_errors() {
    assert_same_in_cluster(
        r#"
        SET a 1
        MSET {t}a 1 {t}b 2
        MGET {t}a {t}b
        MGET a b
        MSET a 1 b 2
        DEL a b
        RENAME a b
        EXISTS {t}a {t}b
        SELECT 0
        SELECT 1
        COPY {t}a {t}c DB 1
        CLUSTER KEYSLOT foo
        CLUSTER KEYSLOT {foo}bar
        CLUSTER KEYSLOT foo{}{bar}
        CLUSTER COUNTKEYSINSLOT 15891
        CLUSTER COUNTKEYSINSLOT 16384
        CLUSTER COUNTKEYSINSLOT abc
        CLUSTER GETKEYSINSLOT 16384 1
        CLUSTER FOO
        CLUSTER ADDSLOTS 0
        CLUSTER ADDSLOTS 16384
        CLUSTER DELSLOTS abc
        MULTI
        SET {t}a 2
        SET other 3
        EXEC
        MULTI
        GET {t}a
        MGET a b
        EXEC
        WATCH a b
        UNWATCH
        READONLY
        READWRITE
        ASKING
        SET moved 1
        "#,
    );
}
