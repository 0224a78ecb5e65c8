//! redis-rs, plain and cluster-aware, works against a node with no error.

mod common;

use common::Node;
use redis::{Commands, RedisResult, cluster::ClusterClient};
use std::collections::HashSet;

const CORES: [&str; 2] = ["1", "3"];

fn plain(node: &Node) -> redis::Connection {
    let client = redis::Client::open(node.url()).expect("a client");
    client.get_connection().expect("a connection")
}

#[test]
fn a_plain_client_sets_and_gets() -> RedisResult<()> {
    for cores in CORES {
        let node = Node::start(&["--data-cores", cores]);
        let mut connection = plain(&node);
        for i in 0..1000 {
            let () = connection.set(format!("key:{i}"), i)?;
        }
        for i in 0..1000 {
            assert_eq!(connection.get::<_, i32>(format!("key:{i}"))?, i);
        }
        let keys: HashSet<String> = connection.scan()?.collect::<RedisResult<_>>()?;
        assert_eq!(keys.len(), 1000);
    }
    Ok(())
}

#[test]
fn a_pipeline_over_all_cores_keeps_its_order() -> RedisResult<()> {
    for cores in CORES {
        let node = Node::start(&["--data-cores", cores]);
        let mut connection = plain(&node);
        let mut pipeline = redis::pipe();
        for i in 0..5000 {
            pipeline.set(format!("key:{i}"), i).ignore().get(format!("key:{i}"));
        }
        let replies: Vec<i32> = pipeline.query(&mut connection)?;
        assert!(replies.into_iter().eq(0..5000), "replies out of order on {cores} cores");
    }
    Ok(())
}

#[test]
fn a_transaction_retries_until_nobody_interferes() -> RedisResult<()> {
    const THREADS: usize = 4;
    const EACH: usize = 50;
    for cores in CORES {
        let node = Node::start(&["--data-cores", cores]);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut connection = plain(&node);
                    for _ in 0..EACH {
                        let _: Vec<usize> =
                            redis::transaction(&mut connection, &["counter"], |connection, pipeline| {
                                let value: Option<usize> = connection.get("counter")?;
                                pipeline
                                    .set("counter", value.unwrap_or(0) + 1)
                                    .ignore()
                                    .get("counter")
                                    .query(connection)
                            })
                            .expect("a transaction");
                    }
                });
            }
        });
        assert_eq!(plain(&node).get::<_, usize>("counter")?, THREADS * EACH);
    }
    Ok(())
}

#[test]
fn a_message_reaches_subscribers_wherever_they_are_connected() -> RedisResult<()> {
    for cores in CORES {
        let node = Node::start(&["--data-cores", cores]);
        let mut listeners: Vec<_> = (0..8).map(|_| plain(&node)).collect();
        let mut subscriptions = Vec::new();
        for listener in &mut listeners {
            let mut subscription = listener.as_pubsub();
            subscription.subscribe("news")?;
            subscriptions.push(subscription);
        }
        let reached: usize = plain(&node).publish("news", "hello")?;
        assert_eq!(reached, 8);
        for subscription in &mut subscriptions {
            assert_eq!(subscription.get_message()?.get_payload::<String>()?, "hello");
        }
    }
    Ok(())
}

#[test]
fn a_cluster_client_finds_every_slot() -> RedisResult<()> {
    for cores in CORES {
        let node = Node::start_cluster(&["--data-cores", cores]);
        let client = ClusterClient::new(vec![node.url()])?;
        let mut connection = client.get_connection()?;
        for i in 0..2000 {
            let () = connection.set(format!("key:{i}"), i)?;
        }
        for i in 0..2000 {
            assert_eq!(connection.get::<_, i32>(format!("key:{i}"))?, i);
        }
        let everything: usize = node.connect().call(&["DBSIZE"]).text()[1..].trim_end().parse().expect("a number");
        assert_eq!(everything, 2000);
    }
    Ok(())
}

#[test]
fn cluster_clients_on_many_threads_see_no_error() -> RedisResult<()> {
    const THREADS: usize = 8;
    let node = Node::start_cluster(&["--data-cores", "3"]);
    let client = ClusterClient::new(vec![node.url()])?;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let client = &client;
            scope.spawn(move || {
                let mut connection = client.get_connection().expect("a connection");
                for i in 0..500 {
                    let key = format!("key:{}", i % 97);
                    let () = connection.set(format!("{thread}:{key}"), i).expect("SET");
                    let found: i32 = connection.get(format!("{thread}:{key}")).expect("GET");
                    assert_eq!(found, i);
                    let _: i64 = connection.incr(&key, 1).expect("INCR");
                }
            });
        }
    });
    let mut connection = client.get_connection()?;
    let total = (0..97).map(|i| connection.get::<_, i64>(format!("key:{i}"))).sum::<RedisResult<i64>>()?;
    assert_eq!(total, THREADS as i64 * 500);
    Ok(())
}
