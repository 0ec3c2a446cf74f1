def reinforce_loss(log_probs, rewards, baseline):
    return -((rewards - baseline) * log_probs).mean()


def mnasnet_reward(accuracy, cost, *, target, exponent=-0.07):
    return accuracy * (cost / target) ** exponent


class MovingBaseline:
    def __init__(self, decay=0.9):
        self.value = 0.0
        self.decay = decay

    def update(self, rewards):
        self.value = self.decay * self.value + (1 - self.decay) * sum(rewards) / len(rewards)

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, s):
        self.value = s["value"]
