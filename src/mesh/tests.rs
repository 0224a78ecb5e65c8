//! Ports among each other, and that sleepers are woken.

use super::sync::{Arc, Condvar, Mutex, model, thread};
use super::*;

/// The kernel's part: a sleep that ends when somebody wakes, or has done so already.
#[derive(Clone)]
struct Kernel(Arc<(Mutex<bool>, Condvar)>);

impl Kernel {
    fn new() -> Self {
        Kernel(Arc::new((Mutex::new(false), Condvar::new())))
    }

    fn wake(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
    }

    fn sleep(&self) {
        let mut woken = self.0.0.lock().unwrap();
        while !*woken {
            woken = self.0.1.wait(woken).unwrap();
        }
        *woken = false;
    }
}

/// Takes `count` messages from any peer, sleeping whenever there is none. A lost wake-up is a deadlock.
fn take(port: &mut Port<usize>, kernel: &Kernel, count: usize) -> Vec<usize> {
    let mut taken = Vec::new();
    loop {
        for peer in 0..port.nodes() {
            taken.extend(std::iter::from_fn(|| port.pop(peer)));
        }
        if taken.len() == count {
            return taken;
        }
        if port.lie_down() {
            kernel.sleep();
            port.get_up();
        }
    }
}

fn pair() -> (Port<usize>, Port<usize>) {
    let mut ports = Mesh::new(2, 2).into_iter();
    (ports.next().unwrap(), ports.next().unwrap())
}

#[test]
fn every_node_reaches_every_node() {
    model(|| {
        let mut ports = Mesh::new(3, 1);
        for (from, port) in ports.iter_mut().enumerate() {
            for to in 0..3 {
                assert_eq!(port.push(to, 10 * from + to), Ok(()));
            }
            port.flush(|_| panic!("nobody sleeps"));
        }
        for (to, port) in ports.iter_mut().enumerate() {
            for from in 0..3 {
                assert_eq!(port.pop(from), Some(10 * from + to));
                assert_eq!(port.pop(from), None);
            }
        }
    });
}

#[test]
fn a_flush_wakes_the_sleepers_it_sent_something() {
    model(|| {
        let mut ports = Mesh::new(3, 4);
        assert!(ports[1].lie_down() && ports[2].lie_down());
        let mut woken = Vec::new();
        ports[0].flush(|peer| woken.push(peer));
        for message in 0..2 {
            ports[0].push(1, message).unwrap();
            ports[0].flush(|peer| woken.push(peer));
        }
        assert_eq!(woken, [1]);
    });
}

#[test]
fn who_has_messages_does_not_sleep() {
    model(|| {
        let (mut one, mut two) = pair();
        one.push(1, 7).unwrap();
        one.flush(|_| panic!("nobody sleeps"));
        assert!(!two.lie_down());
        one.push(1, 8).unwrap();
        one.flush(|_| panic!("it got up again"));
        assert_eq!([two.pop(0), two.pop(0)], [Some(7), Some(8)]);
        assert!(two.lie_down());
    });
}

#[test]
fn no_wake_up_is_lost() {
    model(|| {
        let (mut one, mut two) = pair();
        let kernel = Kernel::new();
        let kernel_of_two = kernel.clone();
        let sleeper = thread::spawn(move || assert_eq!(take(&mut two, &kernel_of_two, 2), [1, 2]));
        for message in [1, 2] {
            one.push(1, message).unwrap();
            one.flush(|_| kernel.wake());
        }
        sleeper.join().unwrap();
    });
}

#[test]
fn no_wake_up_of_two_producers_is_lost() {
    model(|| {
        let mut ports: Vec<Port<usize>> = Mesh::new(3, 1);
        let mut sleeper = ports.pop().unwrap();
        let kernel = Kernel::new();
        let producers: Vec<_> = ports
            .into_iter()
            .enumerate()
            .map(|(message, mut port)| {
                let kernel = kernel.clone();
                thread::spawn(move || {
                    port.push(2, message).unwrap();
                    port.flush(|_| kernel.wake());
                })
            })
            .collect();
        let mut taken = take(&mut sleeper, &kernel, 2);
        taken.sort_unstable();
        assert_eq!(taken, [0, 1]);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn a_question_and_its_answer_wake_both() {
    model(|| {
        let (mut one, mut two) = pair();
        let (kernel_one, kernel_two) = (Kernel::new(), Kernel::new());
        let (wake_one, sleep_two) = (kernel_one.clone(), kernel_two.clone());
        let answering = thread::spawn(move || {
            let question = take(&mut two, &sleep_two, 1)[0];
            two.push(0, question + 1).unwrap();
            two.flush(|_| wake_one.wake());
        });
        one.push(1, 41).unwrap();
        one.flush(|_| kernel_two.wake());
        assert_eq!(take(&mut one, &kernel_one, 1), [42]);
        answering.join().unwrap();
    });
}
