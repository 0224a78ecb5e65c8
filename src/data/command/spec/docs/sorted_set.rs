//! Documentation of the commands on sorted sets.

use super::super::doc::{Doc, block, doc, double, integer, key, one_of, pattern, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("bzmpop", "7.0.0", "Pops members from the first sorted set that has some, waiting if none has.")
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in \
            the sorted set, and M being the number of elements popped.",
        )
        .args(&[
            double("timeout"),
            integer("numkeys"),
            key("key", 0).multiple(),
            one_of("where").of(&[word("min", "MIN"), word("max", "MAX")]),
            integer("count").token("COUNT").optional(),
        ]),
    doc("bzpopmax", "5.0.0", "Pops the highest member of the first sorted set that has one, waiting if none has.")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[key("key", 0).multiple(), double("timeout")]),
    doc("bzpopmin", "5.0.0", "Pops the lowest member of the first sorted set that has one, waiting if none has.")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[key("key", 0).multiple(), double("timeout")]),
    doc("zadd", "1.2.0", "Adds members to a sorted set or changes their scores, creating it if need be.")
        .complexity("O(log(N)) for each item added, where N is the number of elements in the sorted set.")
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ])
        .args(&[
            key("key", 0),
            one_of("condition").optional().since("3.0.2").of(&[word("nx", "NX"), word("xx", "XX")]),
            one_of("comparison").optional().since("6.2.0").of(&[word("gt", "GT"), word("lt", "LT")]),
            word("change", "CH").optional().since("3.0.2"),
            word("increment", "INCR").optional().since("3.0.2"),
            block("score_member").multiple().of(&[double("score"), string("member")]),
        ]),
    doc("zcard", "1.2.0", "Tells how many members a sorted set has.").complexity("O(1)").args(&[key("key", 0)]),
    doc("zcount", "2.0.0", "Tells how many members have a score between two bounds.")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .args(&[key("key", 0), double("min"), double("max")]),
    doc("zdiff", "6.2.0", "Tells the members of the first sorted set that no other has.")
        .complexity(
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the \
            size of the first set, and K is the size of the result set.",
        )
        .args(&[integer("numkeys"), key("key", 0).multiple(), word("withscores", "WITHSCORES").optional()]),
    doc("zdiffstore", "6.2.0", "Stores the members of the first sorted set that no other has.")
        .complexity(
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the \
            size of the first set, and K is the size of the result set.",
        )
        .args(&[key("destination", 0), integer("numkeys"), key("key", 1).multiple()]),
    doc("zincrby", "1.2.0", "Adds a number to the score of a member.")
        .complexity("O(log(N)) where N is the number of elements in the sorted set.")
        .args(&[key("key", 0), integer("increment"), string("member")]),
    doc("zinter", "6.2.0", "Tells the members that all the sorted sets have.")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of \
            input sorted sets and M being the number of elements in the resulting sorted set.",
        )
        .args(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate").token("AGGREGATE").optional().of(&[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]),
            word("withscores", "WITHSCORES").optional(),
        ]),
    doc("zintercard", "7.0.0", "Tells how many members all the sorted sets have in common.")
        .complexity(
            "O(N*K) worst case with N being the smallest input sorted set, K being the number of input \
            sorted sets.",
        )
        .args(&[integer("numkeys"), key("key", 0).multiple(), integer("limit").token("LIMIT").optional()]),
    doc("zinterstore", "2.0.0", "Stores the members that all the sorted sets have.")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of \
            input sorted sets and M being the number of elements in the resulting sorted set.",
        )
        .args(&[
            key("destination", 0),
            integer("numkeys"),
            key("key", 1).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate").token("AGGREGATE").optional().of(&[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]),
        ]),
    doc("zlexcount", "2.8.9", "Tells how many members are between two others in byte order.")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .args(&[key("key", 0), string("min"), string("max")]),
    doc("zmpop", "7.0.0", "Pops members from the first sorted set that has some.")
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in \
            the sorted set, and M being the number of elements popped.",
        )
        .args(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            one_of("where").of(&[word("min", "MIN"), word("max", "MAX")]),
            integer("count").token("COUNT").optional(),
        ]),
    doc("zmscore", "6.2.0", "Tells the scores of several members.")
        .complexity("O(N) where N is the number of members being requested.")
        .args(&[key("key", 0), string("member").multiple()]),
    doc("zpopmax", "5.0.0", "Pops the members with the highest scores.")
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of \
            elements popped.",
        )
        .args(&[key("key", 0), integer("count").optional()]),
    doc("zpopmin", "5.0.0", "Pops the members with the lowest scores.")
        .complexity(
            "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of \
            elements popped.",
        )
        .args(&[key("key", 0), integer("count").optional()]),
    doc("zrandmember", "6.2.0", "Tells random members of a sorted set.")
        .complexity("O(N) where N is the number of elements returned")
        .args(&[
            key("key", 0),
            block("options").optional().of(&[integer("count"), word("withscores", "WITHSCORES").optional()]),
        ]),
    doc("zrange", "1.2.0", "Tells the members between two ranks, scores or byte strings.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            returned.",
        )
        .history(&[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")])
        .args(&[
            key("key", 0),
            string("start"),
            string("stop"),
            one_of("sortby").optional().since("6.2.0").of(&[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]),
            word("rev", "REV").optional().since("6.2.0"),
            block("offset_count").token("LIMIT").optional().since("6.2.0").of(&[integer("offset"), integer("count")]),
            word("withscores", "WITHSCORES").optional(),
        ]),
    doc("zrangebylex", "2.8.9", "Tells the members between two others in byte order.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can \
            consider it O(log(N)).",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
        .args(&[
            key("key", 0),
            string("min"),
            string("max"),
            block("offset_count").token("LIMIT").optional().of(&[integer("offset"), integer("count")]),
        ]),
    doc("zrangebyscore", "1.0.5", "Tells the members whose score is between two bounds.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can \
            consider it O(log(N)).",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
        .history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
        .args(&[
            key("key", 0),
            double("min"),
            double("max"),
            word("withscores", "WITHSCORES").optional().since("2.0.0"),
            block("offset_count").token("LIMIT").optional().of(&[integer("offset"), integer("count")]),
        ]),
    doc("zrangestore", "6.2.0", "Stores the members between two ranks, scores or byte strings.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            stored into the destination key.",
        )
        .args(&[
            key("dst", 0),
            key("src", 1),
            string("min"),
            string("max"),
            one_of("sortby").optional().of(&[word("byscore", "BYSCORE"), word("bylex", "BYLEX")]),
            word("rev", "REV").optional(),
            block("offset_count").token("LIMIT").optional().of(&[integer("offset"), integer("count")]),
        ]),
    doc("zrank", "2.0.0", "Tells the rank of a member, counted from the lowest score.")
        .complexity("O(log(N))")
        .args(&[key("key", 0), string("member")]),
    doc("zrem", "1.2.0", "Removes members from a sorted set.")
        .complexity(
            "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements \
            to be removed.",
        )
        .history(&[("2.4.0", "Accepts multiple elements.")])
        .args(&[key("key", 0), string("member").multiple()]),
    doc("zremrangebylex", "2.8.9", "Removes the members between two others in byte order.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            removed by the operation.",
        )
        .args(&[key("key", 0), string("min"), string("max")]),
    doc("zremrangebyrank", "2.0.0", "Removes the members between two ranks.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            removed by the operation.",
        )
        .args(&[key("key", 0), integer("start"), integer("stop")]),
    doc("zremrangebyscore", "1.2.0", "Removes the members whose score is between two bounds.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            removed by the operation.",
        )
        .args(&[key("key", 0), double("min"), double("max")]),
    doc("zrevrange", "1.2.0", "Tells the members between two ranks, highest score first.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            returned.",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
        .args(&[key("key", 0), integer("start"), integer("stop"), word("withscores", "WITHSCORES").optional()]),
    doc("zrevrangebylex", "2.8.9", "Tells the members between two others in byte order, last first.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can \
            consider it O(log(N)).",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
        .args(&[
            key("key", 0),
            string("max"),
            string("min"),
            block("offset_count").token("LIMIT").optional().of(&[integer("offset"), integer("count")]),
        ]),
    doc("zrevrangebyscore", "2.2.0", "Tells the members whose score is between two bounds, highest first.")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements \
            being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can \
            consider it O(log(N)).",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
        .history(&[("2.1.6", "`min` and `max` can be exclusive.")])
        .args(&[
            key("key", 0),
            double("max"),
            double("min"),
            word("withscores", "WITHSCORES").optional(),
            block("offset_count").token("LIMIT").optional().of(&[integer("offset"), integer("count")]),
        ]),
    doc("zrevrank", "2.0.0", "Tells the rank of a member, counted from the highest score.")
        .complexity("O(log(N))")
        .args(&[key("key", 0), string("member")]),
    doc("zscan", "2.8.0", "Walks through the members of a sorted set in steps.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
            cursor to return back to 0. N is the number of elements inside the collection..",
        )
        .args(&[
            key("key", 0),
            integer("cursor"),
            pattern("pattern").token("MATCH").optional(),
            integer("count").token("COUNT").optional(),
        ]),
    doc("zscore", "1.2.0", "Tells the score of a member.").complexity("O(1)").args(&[key("key", 0), string("member")]),
    doc("zunion", "6.2.0", "Tells the members that any of the sorted sets has.")
        .complexity(
            "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the \
            number of elements in the resulting sorted set.",
        )
        .args(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate").token("AGGREGATE").optional().of(&[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]),
            word("withscores", "WITHSCORES").optional(),
        ]),
    doc("zunionstore", "2.0.0", "Stores the members that any of the sorted sets has.")
        .complexity(
            "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the \
            number of elements in the resulting sorted set.",
        )
        .args(&[
            key("destination", 0),
            integer("numkeys"),
            key("key", 1).multiple(),
            integer("weight").token("WEIGHTS").optional().multiple(),
            one_of("aggregate").token("AGGREGATE").optional().of(&[
                word("sum", "SUM"),
                word("min", "MIN"),
                word("max", "MAX"),
            ]),
        ]),
];
