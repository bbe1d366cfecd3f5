from syncserver.accounts.recent_answers import RecentAnswers


def test_an_answer_is_known_until_its_time_is_over() -> None:
    answers = RecentAnswers[str](0.5, 10)
    answers.put("who", "alice", 100.0)

    assert answers.get("who", 100.0) == (True, "alice")
    assert answers.get("who", 100.5) == (True, "alice")
    assert answers.get("who", 100.51) == (False, None)


def test_nobody_is_an_answer_too() -> None:
    answers = RecentAnswers[str | None](0.5, 10)
    answers.put("who", None, 100.0)

    assert answers.get("who", 100.1) == (True, None)
    assert answers.get("who else", 100.1) == (False, None)


def test_an_answer_is_as_old_as_its_question() -> None:
    answers = RecentAnswers[str](0.5, 10)
    answers.put("who", "alice", 100.0)  # asked at 100.0, however late the answer came

    assert answers.get("who", 100.6) == (False, None)


def test_a_newer_answer_takes_the_place_of_an_older_one() -> None:
    answers = RecentAnswers[str](0.5, 10)
    answers.put("who", "alice", 100.0)
    answers.put("who", "bob", 100.4)

    assert answers.get("who", 100.8) == (True, "bob")
    assert len(answers) == 1


def test_the_oldest_answers_go_when_there_are_too_many() -> None:
    answers = RecentAnswers[int](1000, 10)
    for number in range(25):
        answers.put(f"question {number}", number, float(number))

    assert len(answers) == 10
    assert answers.get("question 14", 25.0) == (False, None)
    assert answers.get("question 15", 25.0) == (True, 15)


def test_what_is_over_takes_no_memory() -> None:
    answers = RecentAnswers[int](0.5, 1000)
    for number in range(100):
        answers.put(f"question {number}", number, 100.0)
    answers.put("much later", 1, 200.0)

    assert len(answers) == 1
