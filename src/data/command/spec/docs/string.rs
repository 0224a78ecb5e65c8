//! Documentation of the commands on strings.

use super::super::doc::{Doc, block, doc, double, integer, key, one_of, string, unix_time, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("append", "2.0.0", "Adds bytes to the end of a string, creating it if need be.")
        .complexity(
            "O(1). The amortized time complexity is O(1) assuming the appended value is small and the \
            already present value is of any size, since the dynamic string library used by Redis will double the \
            free space available on every reallocation.",
        )
        .args(&[key("key", 0), string("value")]),
    doc("decr", "1.0.0", "Subtracts one from the integer a string holds.").complexity("O(1)").args(&[key("key", 0)]),
    doc("decrby", "1.0.0", "Subtracts a number from the integer a string holds.")
        .complexity("O(1)")
        .args(&[key("key", 0), integer("decrement")]),
    doc("get", "1.0.0", "Tells the string stored under a key.").complexity("O(1)").args(&[key("key", 0)]),
    doc("getdel", "6.2.0", "Tells the string stored under a key and deletes the key.")
        .complexity("O(1)")
        .args(&[key("key", 0)]),
    doc("getex", "6.2.0", "Tells the string stored under a key and sets or removes its expiry.")
        .complexity("O(1)")
        .args(&[
            key("key", 0),
            one_of("expiration").optional().of(&[
                integer("seconds").token("EX"),
                integer("milliseconds").token("PX"),
                unix_time("unix-time-seconds").token("EXAT"),
                unix_time("unix-time-milliseconds").token("PXAT"),
                word("persist", "PERSIST"),
            ]),
        ]),
    doc("getrange", "2.4.0", "Tells the bytes of a string between two offsets.")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is ultimately determined by \
            the returned length, but because creating a substring from an existing string is very cheap, it can be \
            considered O(1) for small strings.",
        )
        .args(&[key("key", 0), integer("start"), integer("end")]),
    doc("getset", "1.0.0", "Stores a string and tells the one it replaces.")
        .complexity("O(1)")
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .args(&[key("key", 0), string("value")]),
    doc("incr", "1.0.0", "Adds one to the integer a string holds.").complexity("O(1)").args(&[key("key", 0)]),
    doc("incrby", "1.0.0", "Adds a number to the integer a string holds.")
        .complexity("O(1)")
        .args(&[key("key", 0), integer("increment")]),
    doc("incrbyfloat", "2.6.0", "Adds a number to the floating-point number a string holds.")
        .complexity("O(1)")
        .args(&[key("key", 0), double("increment")]),
    doc("lcs", "7.0.0", "Finds the longest subsequence two strings have in common.")
        .complexity("O(N*M) where N and M are the lengths of s1 and s2, respectively")
        .args(&[
            key("key1", 0),
            key("key2", 0),
            word("len", "LEN").optional(),
            word("idx", "IDX").optional(),
            integer("len").token("MINMATCHLEN").optional(),
            word("withmatchlen", "WITHMATCHLEN").optional(),
        ]),
    doc("mget", "1.0.0", "Tells the strings stored under several keys.")
        .complexity("O(N) where N is the number of keys to retrieve.")
        .args(&[key("key", 0).multiple()]),
    doc("mset", "1.0.1", "Stores several strings at once.")
        .complexity("O(N) where N is the number of keys to set.")
        .args(&[block("key_value").multiple().of(&[key("key", 0), string("value")])]),
    doc("msetnx", "1.0.1", "Stores several strings at once, unless one of the keys exists.")
        .complexity("O(N) where N is the number of keys to set.")
        .args(&[block("key_value").multiple().of(&[key("key", 0), string("value")])]),
    doc("psetex", "2.6.0", "Stores a string that expires after so many milliseconds.").complexity("O(1)").args(&[
        key("key", 0),
        integer("milliseconds"),
        string("value"),
    ]),
    doc("set", "1.0.0", "Stores a string under a key, whatever the key held before.")
        .complexity("O(1)")
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
        ])
        .args(&[
            key("key", 0),
            string("value"),
            one_of("condition").optional().since("2.6.12").of(&[word("nx", "NX"), word("xx", "XX")]),
            word("get", "GET").optional().since("6.2.0"),
            one_of("expiration").optional().of(&[
                integer("seconds").token("EX").since("2.6.12"),
                integer("milliseconds").token("PX").since("2.6.12"),
                unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
                unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
                word("keepttl", "KEEPTTL").since("6.0.0"),
            ]),
        ]),
    doc("setex", "2.0.0", "Stores a string that expires after so many seconds.").complexity("O(1)").args(&[
        key("key", 0),
        integer("seconds"),
        string("value"),
    ]),
    doc("setnx", "1.0.0", "Stores a string unless the key exists.")
        .complexity("O(1)")
        .args(&[key("key", 0), string("value")]),
    doc("setrange", "2.2.0", "Overwrites the bytes of a string from an offset on, creating it if need be.")
        .complexity(
            "O(1), not counting the time taken to copy the new string in place. Usually, this string is very \
            small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the \
            value argument.",
        )
        .args(&[key("key", 0), integer("offset"), string("value")]),
    doc("strlen", "2.2.0", "Tells how many bytes a string has.").complexity("O(1)").args(&[key("key", 0)]),
    doc("substr", "1.0.0", "Tells the bytes of a string between two offsets.")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is ultimately determined by \
            the returned length, but because creating a substring from an existing string is very cheap, it can be \
            considered O(1) for small strings.",
        )
        .deprecated("2.0.0", "`GETRANGE`")
        .args(&[key("key", 0), integer("start"), integer("end")]),
];
