//! Documentation of the commands on lists.

use super::super::doc::{Doc, doc, double, integer, key, one_of, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("blmove", "6.2.0", "Moves an element from one list's end to another's, waiting for one if need be.")
        .complexity("O(1)")
        .args(&[
            key("source", 0),
            key("destination", 1),
            one_of("wherefrom").of(&[word("left", "LEFT"), word("right", "RIGHT")]),
            one_of("whereto").of(&[word("left", "LEFT"), word("right", "RIGHT")]),
            double("timeout"),
        ]),
    doc("blmpop", "7.0.0", "Pops elements from the first list that has some, waiting if none has.")
        .complexity("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
        .args(&[
            double("timeout"),
            integer("numkeys"),
            key("key", 0).multiple(),
            one_of("where").of(&[word("left", "LEFT"), word("right", "RIGHT")]),
            integer("count").token("COUNT").optional(),
        ]),
    doc("blpop", "2.0.0", "Pops the first element of the first list that has one, waiting if none has.")
        .complexity("O(N) where N is the number of provided keys.")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[key("key", 0).multiple(), double("timeout")]),
    doc("brpop", "2.0.0", "Pops the last element of the first list that has one, waiting if none has.")
        .complexity("O(N) where N is the number of provided keys.")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[key("key", 0).multiple(), double("timeout")]),
    doc("brpoplpush", "2.2.0", "Moves the last element of a list to the head of another, waiting for one if need be.")
        .complexity("O(1)")
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[key("source", 0), key("destination", 1), double("timeout")]),
    doc("lindex", "1.0.0", "Tells the element of a list at an index.")
        .complexity(
            "O(N) where N is the number of elements to traverse to get to the element at index. This makes \
            asking for the first or the last element of the list O(1).",
        )
        .args(&[key("key", 0), integer("index")]),
    doc("linsert", "2.2.0", "Inserts an element before or after another element of a list.")
        .complexity(
            "O(N) where N is the number of elements to traverse before seeing the value pivot. This means \
            that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting \
            somewhere on the right end (tail) is O(N).",
        )
        .args(&[
            key("key", 0),
            one_of("where").of(&[word("before", "BEFORE"), word("after", "AFTER")]),
            string("pivot"),
            string("element"),
        ]),
    doc("llen", "1.0.0", "Tells how many elements a list has.").complexity("O(1)").args(&[key("key", 0)]),
    doc("lmove", "6.2.0", "Moves an element from one list's end to another's and tells it.").complexity("O(1)").args(
        &[
            key("source", 0),
            key("destination", 1),
            one_of("wherefrom").of(&[word("left", "LEFT"), word("right", "RIGHT")]),
            one_of("whereto").of(&[word("left", "LEFT"), word("right", "RIGHT")]),
        ],
    ),
    doc("lmpop", "7.0.0", "Pops elements from the first list that has some.")
        .complexity("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
        .args(&[
            integer("numkeys"),
            key("key", 0).multiple(),
            one_of("where").of(&[word("left", "LEFT"), word("right", "RIGHT")]),
            integer("count").token("COUNT").optional(),
        ]),
    doc("lpop", "1.0.0", "Pops elements from the head of a list.")
        .complexity("O(N) where N is the number of elements returned")
        .history(&[("6.2.0", "Added the `count` argument.")])
        .args(&[key("key", 0), integer("count").optional().since("6.2.0")]),
    doc("lpos", "6.0.6", "Finds the indexes of elements that equal a value.")
        .complexity(
            "O(N) where N is the number of elements in the list, for the average case. When searching for \
            elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may \
            run in constant time.",
        )
        .args(&[
            key("key", 0),
            string("element"),
            integer("rank").token("RANK").optional(),
            integer("num-matches").token("COUNT").optional(),
            integer("len").token("MAXLEN").optional(),
        ]),
    doc("lpush", "1.0.0", "Adds elements at the head of a list, creating it if need be.")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
            arguments.",
        )
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .args(&[key("key", 0), string("element").multiple()]),
    doc("lpushx", "2.2.0", "Adds elements at the head of a list that exists.")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
            arguments.",
        )
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")])
        .args(&[key("key", 0), string("element").multiple()]),
    doc("lrange", "1.0.0", "Tells the elements of a list between two indexes.")
        .complexity(
            "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end \
            (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.",
        )
        .args(&[key("key", 0), integer("start"), integer("stop")]),
    doc("lrem", "1.0.0", "Removes elements that equal a value from a list.")
        .complexity("O(N+M) where N is the length of the list and M is the number of elements removed.")
        .args(&[key("key", 0), integer("count"), string("element")]),
    doc("lset", "1.0.0", "Replaces the element of a list at an index.")
        .complexity(
            "O(N) where N is the length of the list. Setting either the first or the last element of the \
            list is O(1).",
        )
        .args(&[key("key", 0), integer("index"), string("element")]),
    doc("ltrim", "1.0.0", "Keeps only the elements of a list between two indexes.")
        .complexity("O(N) where N is the number of elements to be removed by the operation.")
        .args(&[key("key", 0), integer("start"), integer("stop")]),
    doc("rpop", "1.0.0", "Pops elements from the tail of a list.")
        .complexity("O(N) where N is the number of elements returned")
        .history(&[("6.2.0", "Added the `count` argument.")])
        .args(&[key("key", 0), integer("count").optional().since("6.2.0")]),
    doc("rpoplpush", "1.2.0", "Moves the last element of a list to the head of another and tells it.")
        .complexity("O(1)")
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
        .args(&[key("source", 0), key("destination", 1)]),
    doc("rpush", "1.0.0", "Adds elements at the tail of a list, creating it if need be.")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
            arguments.",
        )
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .args(&[key("key", 0), string("element").multiple()]),
    doc("rpushx", "2.2.0", "Adds elements at the tail of a list that exists.")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
            arguments.",
        )
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")])
        .args(&[key("key", 0), string("element").multiple()]),
];
